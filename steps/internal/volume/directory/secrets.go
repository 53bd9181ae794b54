package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Secret implements [volume.Secrets].
func (s *Store) Secret(_ context.Context, name string) (map[string][]byte, error) {
	if err := checkNames(name); err != nil {
		return nil, err
	}
	// The files are read through the open directory: a replacement meanwhile
	// cannot mix its keys with these.
	root, err := os.OpenRoot(s.layout.Secret(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("secret %s: %w: the directory %s is expected", name, volume.ErrNotFound, s.layout.Secret(name))
	}
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", name, err)
	}
	defer root.Close()
	data, err := readSecret(root.FS())
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", name, err)
	}
	return data, nil
}

func readSecret(files fs.FS) (map[string][]byte, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	data := make(map[string][]byte, len(entries))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || e.IsDir() {
			continue
		}
		if data[e.Name()], err = fs.ReadFile(files, e.Name()); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// PutSecret implements [volume.Secrets]. The keys are written to a directory
// beside, which then takes the place of the old one in one exchange
// (renameat2(2), RENAME_EXCHANGE), so that whoever opens the Secret's directory
// finds all keys of one version. Owner is not recorded: names tell.
func (s *Store) PutSecret(ctx context.Context, name string, _ volume.Owner, data map[string][]byte) error {
	if err := checkNames(name); err != nil {
		return err
	}
	for key := range data {
		if err := checkNames(key); err != nil {
			return fmt.Errorf("put secret %s: key: %w", name, err)
		}
	}
	final := s.layout.Secret(name)
	err := withLock(filepath.Dir(final), 0o700, func(dir *os.File) error {
		if _, err := removeSecretPartials(dir.Name()); err != nil {
			return err
		}
		old, err := s.Secret(ctx, name)
		if err == nil && maps.EqualFunc(old, data, bytes.Equal) {
			return nil
		}
		partial, err := writeSecret(final, data)
		if err != nil {
			return err
		}
		defer os.RemoveAll(partial)
		if err := exchange(partial, final); err != nil {
			return err
		}
		return dir.Sync()
	})
	if err != nil {
		return fmt.Errorf("put secret %s: %w", name, err)
	}
	return nil
}

// writeSecret writes the keys to a new hidden directory beside final.
func writeSecret(final string, data map[string][]byte) (string, error) {
	partial := partialName(final)
	if err := os.Mkdir(partial, 0o700); err != nil {
		return "", err
	}
	for key, value := range data {
		if err := renameio.WriteFile(filepath.Join(partial, key), value, 0o400, renameio.IgnoreUmask()); err != nil {
			_ = os.RemoveAll(partial)
			return "", err
		}
	}
	if err := syncDir(partial); err != nil {
		_ = os.RemoveAll(partial)
		return "", err
	}
	return partial, nil
}

// exchange puts the directory partial in the place of final, which then has
// partial's name if it existed.
func exchange(partial, final string) error {
	err := unix.Renameat2(unix.AT_FDCWD, partial, unix.AT_FDCWD, final, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.ENOENT) {
		return os.Rename(partial, final)
	}
	if err != nil {
		return fmt.Errorf("exchange %s for %s, which the file system must be able to do at once: %w", partial, final, err)
	}
	return nil
}

// removeSecretPartials removes what killed PutSecret calls left. The caller holds
// the lock of the directory, so no other is under way.
func removeSecretPartials(dir string) ([]string, error) {
	return removeMatching(dir, isPartial)
}

// collectSecrets removes what killed PutSecret calls left.
func (s *Store) collectSecrets() ([]string, error) {
	return collectIn(filepath.Dir(s.layout.Secret("any")), 0o700, removeSecretPartials)
}
