package directory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
	"github.com/google/renameio/v2"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Load implements [volume.States]. The version is a hash of the file.
func (s *Store) Load(_ context.Context, relationship string) (contract.State, volume.Version, error) {
	if err := checkNames(relationship); err != nil {
		return contract.State{}, "", err
	}
	file := s.layout.State(relationship)
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return contract.State{}, "", nil
	}
	if err != nil {
		return contract.State{}, "", fmt.Errorf("load state of %s: %w", relationship, err)
	}
	var state contract.State
	if err := json.Unmarshal(b, &state); err != nil {
		return contract.State{}, "", fmt.Errorf("load state of %s from %s: %w", relationship, file, err)
	}
	return state, version(b), nil
}

func version(b []byte) volume.Version {
	sum := sha256.Sum256(b)
	return volume.Version(hex.EncodeToString(sum[:16]))
}

// Save implements [volume.States]: the file is replaced at once while the state
// directory is locked.
func (s *Store) Save(ctx context.Context, state contract.State, old volume.Version) error {
	if err := checkNames(state.Relationship); err != nil {
		return err
	}
	file := s.layout.State(state.Relationship)
	err := withLock(filepath.Dir(file), 0o755, func(dir *os.File) error {
		_, now, err := s.Load(ctx, state.Relationship)
		if err != nil {
			return err
		}
		if now != old {
			return volume.ErrConflict
		}
		if _, err := removeUnfinished(dir.Name()); err != nil {
			return err
		}
		if err := writeJSON(file, state); err != nil {
			return err
		}
		return dir.Sync()
	})
	if err != nil {
		return fmt.Errorf("save state of %s: %w", state.Relationship, err)
	}
	return nil
}

// writeJSON replaces a file at once and durably, save for the directory entry.
func writeJSON(file string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(file, append(b, '\n'), 0o644, renameio.WithTempDir(filepath.Dir(file)))
}

// removeUnfinished removes what killed writers left. The caller holds the lock
// of the directory, so no other is under way.
func removeUnfinished(dir string) ([]string, error) {
	return removeMatching(dir, unfinished.MatchString)
}

// collectStates removes what killed Save calls left.
func (s *Store) collectStates() ([]string, error) {
	return collectIn(filepath.Dir(s.layout.State("any")), 0o755, removeUnfinished)
}

// readJSON reads a file that writeJSON wrote.
func readJSON(file string, v any) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// Watch implements [volume.States].
func (s *Store) Watch(ctx context.Context, relationship string) (<-chan contract.State, error) {
	if err := checkNames(relationship); err != nil {
		return nil, err
	}
	file := s.layout.State(relationship)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, fmt.Errorf("watch state of %s: %w", relationship, err)
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch state of %s: %w", relationship, err)
	}
	if err := watcher.Add(filepath.Dir(file)); err != nil {
		_ = watcher.Close()
		return nil, fmt.Errorf("watch state of %s: %w", relationship, err)
	}
	states := make(chan contract.State)
	go func() {
		defer close(states)
		defer watcher.Close()
		s.watch(ctx, relationship, watcher, states)
	}()
	return states, nil
}

func (s *Store) watch(ctx context.Context, relationship string, watcher *fsnotify.Watcher, states chan<- contract.State) {
	sent := volume.Version("never")
	for {
		state, now, err := s.Load(ctx, relationship)
		switch {
		case err != nil:
			s.log.Error("the state cannot be read; waiting for its next change", "err", err)
		case now != sent:
			select {
			case states <- state:
				sent = now
			case <-ctx.Done():
				return
			}
		}
		if !changed(ctx, watcher, s.layout.State(relationship)) {
			return
		}
	}
}

// changed waits for a change of file; it returns false when ctx ended.
func changed(ctx context.Context, watcher *fsnotify.Watcher, file string) bool {
	for {
		select {
		case event, ok := <-watcher.Events:
			if !ok || event.Name == file {
				return ok
			}
		case _, ok := <-watcher.Errors:
			return ok // the queue overflowed: there may have been a change
		case <-ctx.Done():
			return false
		}
	}
}
