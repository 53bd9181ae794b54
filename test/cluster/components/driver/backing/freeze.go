package backing

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Requests of linux/fs.h.
const (
	fiFreeze = 0xc0045877
	fiThaw   = 0xc0045878
)

// freeze writes out the file system mounted at path and holds all writers until
// thaw.
func freeze(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("freeze: %w", err)
	}
	defer dir.Close()
	if err := unix.IoctlSetInt(int(dir.Fd()), fiFreeze, 0); err != nil {
		return fmt.Errorf("freeze %s: %w", path, err)
	}
	return nil
}

// thaw ends freeze. What is not frozen stays as it is.
func thaw(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("thaw: %w", err)
	}
	defer dir.Close()
	if err := unix.IoctlSetInt(int(dir.Fd()), fiThaw, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("thaw %s: %w", path, err)
	}
	return nil
}
