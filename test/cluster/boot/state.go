package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/test/cluster/network"
)

// Root holds the state of every cluster of this machine, one directory each. It
// is short, since paths of Unix sockets below it are limited to 107 bytes.
const Root = "/var/tmp/scribe-cluster"

// stateFile is written first and removed with the rest of the directory.
const stateFile = "cluster.json"

// state is what a later program has to know of a cluster.
type state struct {
	Slot         network.Slot `json:"slot"`
	ControlPlane bool         `json:"controlPlane,omitempty"`
	// Ready says that boot came to its end.
	Ready bool `json:"ready,omitempty"`
	// Builds are the directories that the programs were taken from.
	Builds map[string]string `json:"builds,omitempty"`
}

// load reads the state of a cluster; an error that is [fs.ErrNotExist] says that
// there is none.
func load(name string) (state, error) {
	var s state
	raw, err := os.ReadFile(filepath.Join(Root, name, stateFile))
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		return s, fmt.Errorf("read the state of cluster %s: %w", name, err)
	}
	return s, nil
}

func (s state) save(name string) error {
	raw, err := json.Marshal(s)
	if err == nil {
		err = renameio.WriteFile(filepath.Join(Root, name, stateFile), raw, 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the state of cluster %s: %w", name, err)
	}
	return nil
}

// names lists the clusters that have a state directory, whole or not.
func names() ([]string, error) {
	entries, err := os.ReadDir(Root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list clusters: %w", err)
	}
	var list []string
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, e.Name())
		}
	}
	return list, nil
}

// claim gives a new cluster the lowest free slot and its state directory. The
// machine must be locked.
func claim(name string, s state) (state, error) {
	all, err := names()
	if err != nil {
		return s, err
	}
	taken := map[network.Slot]bool{}
	for _, other := range all {
		if o, err := load(other); err == nil { // one without state has no slot yet
			taken[o.Slot] = true
		}
	}
	for s.Slot = 0; taken[s.Slot]; s.Slot++ {
	}
	if err := s.Slot.Check(); err != nil {
		return s, fmt.Errorf("all addresses are in use; take a cluster down first: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(Root, name), 0o755); err != nil {
		return s, err
	}
	return s, s.save(name)
}

// machineLock guards what clusters share: slots and the network between them.
const machineLock = "machine"

// lock waits for the sole use of a name (a cluster, or machineLock), and returns
// the function that ends it. The kernel ends it, too, with the process.
func lock(ctx context.Context, name string) (unlock func(), err error) {
	path := filepath.Join(Root, "."+name+".lock")
	for {
		if err := os.MkdirAll(Root, 0o755); err != nil {
			return nil, err
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o644)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the last holder of another lock removed the directory
		}
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && same(f, path) {
			return func() {
				_ = os.Remove(path) // while it is held, so that who waits sees it
				_ = f.Close()
				_ = os.Remove(Root) // if it was the last thing there
			}, nil
		}
		_ = f.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("another up or down works on %s: wait for it, or end it: %w", name, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// same reports whether path still names the open file: the last holder may have
// removed it.
func same(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}
