package rclonepull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/backube/scribe-gen/steps/internal/objectstore"
)

// pinTimeout bounds the setting of the pin, and its removal, which happens also
// when the step is being ended: neither is worth a long wait.
const pinTimeout = 15 * time.Second

// pin asks for the generation to be kept, and returns what ends that. Credentials
// that can only read do as well: the generation is then kept for as long as the
// source's grace period.
func (p *pull) pin(ctx context.Context) (unpin func()) {
	pinning, cancel := context.WithTimeoutCause(ctx, pinTimeout, fmt.Errorf("not done within %s", pinTimeout))
	defer cancel()
	err := p.objects.Pin(pinning, objectstore.Reader{
		Relationship: p.args.Relationship, Generation: p.generation.Number, Name: p.generation.Name, Until: time.Now().Add(p.args.Pin),
	})
	if err != nil {
		p.warn("generation %d could not be pinned, as with credentials that can only read: it may be removed under a slow pull, which then has to be repeated: %v",
			p.generation.Number, err)
		return func() {}
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pinTimeout)
		defer cancel()
		if err := p.objects.Unpin(ctx, p.args.Relationship); err != nil {
			p.env.Log.Warn("the pin of the generation could not be removed; it ends by itself", "error", err.Error())
		}
	}
}

// fetchManifest fetches the manifest to a file.
func (p *pull) fetchManifest(ctx context.Context, file string) error {
	if err := p.copyManifest(ctx, file); err != nil {
		return fmt.Errorf("fetch the manifest of generation %d: %w", p.generation.Number, err)
	}
	return nil
}

func (p *pull) copyManifest(ctx context.Context, file string) error {
	in, err := p.objects.Manifest(ctx, p.generation.Name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// content is the object store as a replica sees it.
type content struct{ store *objectstore.Store }

// Get implements [replica.Content].
func (c content) Get(ctx context.Context, layer, object, path string, offset, length int64) (io.ReadCloser, error) {
	body, err := c.store.Get(ctx, layer, object, path, offset, length)
	if errors.Is(err, objectstore.ErrGone) {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return body, err
}

// gone says what it means that something of the generation is no longer there.
func (p *pull) gone(ctx context.Context, err error) error {
	if !errors.Is(err, objectstore.ErrGone) {
		return err
	}
	_, missing := p.objects.Generation(ctx, p.generation.Number)
	if missing == nil {
		return fmt.Errorf("generation %d is in %s but not all of its content: somebody removes objects from there; nothing was committed: pull another with --generation: %w",
			p.generation.Number, p.objects, err)
	}
	return fmt.Errorf("generation %d was removed from %s while it was pulled; nothing was committed, and a retry takes the latest: %w",
		p.generation.Number, p.objects, err)
}
