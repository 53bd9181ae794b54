package backing

import (
	"context"
	"fmt"
	"os"
)

// Dir holds contents as plain directories on any file system. Its copies are not
// of one point in time, its snapshots can be written by root, and it enforces no
// size.
type Dir struct{}

// Create implements [Backing].
func (Dir) Create(_ context.Context, path string, _ int64) error {
	if err := makeRoot(path); err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	return nil
}

// Copy implements [Backing].
func (Dir) Copy(ctx context.Context, from, to string, _ Shape) error {
	if err := makeRoot(to); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return CopyTree(ctx, from, to)
}

// Remove implements [Backing].
func (Dir) Remove(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("remove directory: %w", err)
	}
	return nil
}
