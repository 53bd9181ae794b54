package build

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// keptEntries is how many results of a component stay in the cache: the one in
// use and, for going back and forth between two branches, the one before.
const keptEntries = 2

const workPrefix = ".work-"

// A shelf is the part of the cache that belongs to one component, locked
// against other builders of it.
type shelf struct {
	dir  string
	lock *os.File
	log  *slog.Logger
}

// openShelf waits for the lock until ctx ends. The kernel drops the lock with
// the process, however that ends.
func openShelf(ctx context.Context, dir string, log *slog.Logger) (*shelf, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("open the build cache: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the build cache: %w", err)
	}
	if err := waitLock(ctx, f, log); err != nil {
		return nil, fmt.Errorf("wait for the lock %s, which another build holds: %w", f.Name(), err)
	}
	return &shelf{dir: dir, lock: f, log: log}, nil
}

func (s *shelf) close() { _ = s.lock.Close() }

// waitLock locks f or closes it. flock(2) cannot be interrupted: when ctx ends
// first, the waiting goroutine lives on until it gets the lock and drops it.
func waitLock(ctx context.Context, f *os.File, log *slog.Logger) error {
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		return nil
	}
	log.Info("waiting for another build", "lock", f.Name())
	locked := make(chan error, 1)
	go func() { locked <- flock(f) }()
	select {
	case err := <-locked:
		if err != nil {
			_ = f.Close()
		}
		return err
	case <-ctx.Done():
		go func() {
			<-locked
			_ = f.Close()
		}()
		return context.Cause(ctx)
	}
}

func flock(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// find returns the entry of key if it holds all of the programs, and marks it
// as used now, so that a build for another checkout does not prune it.
func (s *shelf) find(key string, binaries []string) (string, bool) {
	dir := filepath.Join(s.dir, key)
	missing := func(name string) bool { return !exists(filepath.Join(dir, name)) }
	if slices.ContainsFunc(binaries, missing) {
		return "", false
	}
	now := time.Now()
	_ = os.Chtimes(dir, now, now)
	return dir, true
}

// publish makes an entry of the directory that build returns, which has to be
// on the same file system as work: best below it. It then removes what is old.
func (s *shelf) publish(key string, build func(work string) (string, error)) (string, error) {
	s.sweep()
	work, err := os.MkdirTemp(s.dir, workPrefix)
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	built, err := build(work)
	if err != nil {
		return "", err
	}
	entry := filepath.Join(s.dir, key)
	// An entry that lost one of its programs is in the way.
	if err := os.RemoveAll(entry); err != nil {
		return "", fmt.Errorf("replace an incomplete build: %w", err)
	}
	if err := os.Rename(built, entry); err != nil {
		return "", fmt.Errorf("publish the build: %w", err)
	}
	return entry, s.prune()
}

// sweep removes what killed builds left. What resists is left to the next time:
// a compiler that outlived its killed builder may still write there, which must
// not keep this build from starting.
func (s *shelf) sweep() {
	left, _ := filepath.Glob(filepath.Join(s.dir, workPrefix+"*"))
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			s.log.Warn("an unfinished build stays for now", "dir", dir, "error", err)
		}
	}
}

// prune removes all but the newest entries. Programs that still run from a
// removed one go on, the kernel keeps their files.
func (s *shelf) prune() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	used := map[string]time.Time{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		if e.IsDir() && !strings.HasPrefix(e.Name(), workPrefix) {
			used[filepath.Join(s.dir, e.Name())] = info.ModTime()
		}
	}
	newest := slices.SortedFunc(maps.Keys(used), func(a, b string) int { return used[b].Compare(used[a]) })
	for _, dir := range newest[min(keptEntries, len(newest)):] {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove an old build: %w", err)
		}
	}
	return nil
}
