package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"sync"
)

// ID returns the identifier of the volume or snapshot of that name: the name
// itself, as the sidecars choose it, or a digest when it cannot be the name of a
// file here.
func ID(name string) string {
	if valid(name) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return "name-" + hex.EncodeToString(sum[:])
}

// A dot would run into the suffixes of images and records.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

func valid(id string) bool { return plainName.MatchString(id) }

// names holds the identifiers that a call is working on.
type names struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

func newNames() *names { return &names{held: map[string]chan struct{}{}} }

// hold waits until no other call holds name, and holds it until release.
func (n *names) hold(ctx context.Context, name string) (release func(), err error) {
	for {
		n.mu.Lock()
		other, held := n.held[name]
		if !held {
			done := make(chan struct{})
			n.held[name] = done
			n.mu.Unlock()
			return func() { n.release(name, done) }, nil
		}
		n.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the earlier call for %s: %w", name, ctx.Err())
		}
	}
}

func (n *names) release(name string, done chan struct{}) {
	n.mu.Lock()
	delete(n.held, name)
	n.mu.Unlock()
	close(done)
}
