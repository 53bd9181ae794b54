package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// meeting is where the push and the listener of one run find each other.
type meeting struct{ port int }

const loopback = "127.0.0.1"

// listenerGrace is how long a listener answers after a commit when its push is
// part of the same run. It is as long as retries of the push may take, because
// the listener is told to end as soon as the push has.
const listenerGrace = time.Hour

// errPushed ends a listener because its push has heard that the run is committed.
var errPushed = errors.New("the push has ended")

// findMeeting picks a free port of the loopback interface when both sides are
// among the parts.
func findMeeting(parts []Part) (meeting, error) {
	if !hasStep[*contract.RsyncListen](parts) || !hasStep[*contract.RsyncPush](parts) {
		return meeting{}, nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return meeting{}, fmt.Errorf("find a free port on %s: %w", loopback, err)
	}
	defer func() { _ = l.Close() }()
	return meeting{port: l.Addr().(*net.TCPAddr).Port}, nil
}

// apply sets the addresses of a step. A listener whose peer is elsewhere listens
// on the port that the peer has in its keys.
func (m meeting) apply(part Part, c contract.Command) {
	switch c := c.(type) {
	case *contract.RsyncListen:
		if m.port != 0 {
			c.Listen, c.Grace = fmt.Sprintf("%s:%d", loopback, m.port), listenerGrace
		} else if _, keys, ok := findStep[*contract.RsyncKeys](part); ok && keys.Port != 0 {
			c.Listen = fmt.Sprintf(":%d", keys.Port)
		}
	case *contract.RsyncPush:
		if m.port != 0 {
			c.Address, c.Port = loopback, m.port
		}
	}
}

// before holds a push back until its keys are at the source, or says what is
// missing.
func (r *run) before(ctx context.Context, part Part, step plan.Step) error {
	if _, ok := step.Command.(*contract.RsyncPush); !ok {
		return nil
	}
	if hasStep[*contract.RsyncKeys](r.req.Parts) {
		select {
		case <-r.connected:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	secret := part.Layout().Secret(contract.PushSecret(part.Relationship.Name))
	if _, err := os.Stat(secret); err != nil {
		return fmt.Errorf("the source has no keys for relationship %s: %w; run `scribe-gen keys` and `scribe-gen connect`, or copy the destination's directory of that name",
			part.Relationship.Name, err)
	}
	return nil
}

// after brings the keys to the source once the destination has them, and lets
// the listener end once the push has.
func (r *run) after(step plan.Step) error {
	switch step.Command.(type) {
	case *contract.RsyncKeys:
		if err := Connect(r.req.Parts); err != nil {
			return err
		}
		close(r.connected)
	case *contract.RsyncPush:
		close(r.pushed)
	}
	return nil
}

// untilPushed returns a context for a step. That of a listener whose push is part
// of the run ends, with the cause errPushed, once the push has ended well; the
// listener has nothing left to answer then.
func (r *run) untilPushed(ctx context.Context, step plan.Step) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if _, ok := step.Command.(*contract.RsyncListen); ok {
		go func() {
			select {
			case <-r.pushed:
				cancel(errPushed)
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}

// Connect copies the push Secrets of a relationship from the destination among
// the parts to the sources among them.
func Connect(parts []Part) error {
	for _, to := range parts {
		if to.Pipeline.Role != contract.RoleSource {
			continue
		}
		for _, from := range parts {
			if from.Pipeline.Role != contract.RoleDestination || from.Site.Directory == to.Site.Directory {
				continue
			}
			secret := contract.PushSecret(to.Relationship.Name)
			if err := copySecret(from.Layout().Secret(secret), to.Layout().Secret(secret)); err != nil {
				return fmt.Errorf("copy Secret %s from site %s to site %s: %w", secret, from.Site.Name, to.Site.Name, err)
			}
		}
	}
	return nil
}

// copySecret makes the directory to hold the files of from.
func copySecret(from, to string) error {
	files, err := readSecret(from)
	if err != nil {
		return err
	}
	return writeSecret(to, files)
}

// ReadSecret returns the keys of a Secret at the part's site. One that is not
// there is an error that wraps fs.ErrNotExist.
func ReadSecret(part Part, name string) (map[string][]byte, error) {
	files, err := readSecret(part.Layout().Secret(name))
	if err != nil {
		return nil, fmt.Errorf("site %s: read Secret %s: %w", part.Site.Name, name, err)
	}
	return files, nil
}

// WriteSecret makes a Secret at the part's site hold the given keys and no others.
func WriteSecret(part Part, name string, files map[string][]byte) error {
	if err := writeSecret(part.Layout().Secret(name), files); err != nil {
		return fmt.Errorf("site %s: write Secret %s: %w", part.Site.Name, name, err)
	}
	return nil
}

func readSecret(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, f := range entries {
		if !f.Type().IsRegular() {
			continue
		}
		if files[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// writeSecret puts all files there at once: a push that starts meanwhile sees the
// old keys or the new ones, never a mixture.
func writeSecret(to string, files map[string][]byte) error {
	secrets, err := lockSecrets(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer func() { _ = secrets.Close() }()
	// The name is one that the steps take for a leftover, should this process die.
	fresh, err := os.MkdirTemp(filepath.Dir(to), "."+filepath.Base(to)+".*.partial")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(fresh, name), data, 0o400); err != nil {
			return err
		}
	}
	if err := exchange(fresh, to); err != nil {
		return err
	}
	return secrets.Sync()
}

// lockSecrets takes the lock of a site's Secrets, which closing the file gives
// back. The steps hold it while they write one and while they remove leftovers:
// what is being made here would else be one.
func lockSecrets(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

// hasStep reports whether one of the parts has a step with such a command.
func hasStep[C contract.Command](parts []Part) bool {
	for _, part := range parts {
		if _, _, ok := findStep[C](part); ok {
			return true
		}
	}
	return false
}

// findStep returns the part's first step with such a command.
func findStep[C contract.Command](part Part) (plan.Step, C, bool) {
	for _, step := range part.Pipeline.Steps {
		if c, ok := step.Command.(C); ok {
			return step, c, true
		}
	}
	var none C
	return plan.Step{}, none, false
}
