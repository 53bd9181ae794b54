package directory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
)

// removeTree removes a tree of any depth. Directories without write permission,
// which stop everyone but root, are made writable first.
func removeTree(root string) error {
	err := os.RemoveAll(root)
	if errors.Is(err, fs.ErrPermission) {
		if err := makeWritable(root); err != nil {
			return fmt.Errorf("remove %s: %w", root, err)
		}
		err = os.RemoveAll(root)
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", root, err)
	}
	return nil
}

// makeWritable gives the owner all rights on every directory of a tree.
func makeWritable(root string) error {
	if err := os.Chmod(root, 0o700); err != nil {
		return err
	}
	return tree.Walker{}.Visit(root, func(e tree.Entry, dir int, name string) error {
		if !e.IsDir() {
			return nil
		}
		return unix.Fchmodat(dir, name, 0o700, 0)
	})
}
