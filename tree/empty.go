package tree

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Empty reports whether a volume holds nothing at its root but lost+found, which
// belongs to its file system. It reads two names, however many there are.
func Empty(root string) (bool, error) {
	d, err := os.Open(root)
	if err != nil {
		return false, fmt.Errorf("read volume: %w", err)
	}
	defer func() { _ = d.Close() }()
	names, err := d.Readdirnames(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read volume: %w", err)
	}
	for _, name := range names {
		if name != "lost+found" {
			return false, nil
		}
	}
	return true, nil
}
