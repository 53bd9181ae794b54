package job

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/backube/scribe-gen/tree/sample"
)

// random writes a file of that size in bytes.
func random(root, name string, size uint64) (err error) {
	f, err := os.OpenFile(filepath.Join(root, name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w, numbers := bufio.NewWriterSize(f, 1<<20), sample.NewRand(42)
	var block [8]byte
	for left := size; left > 0; {
		binary.LittleEndian.PutUint64(block[:], numbers.Uint64())
		n, err := w.Write(block[:min(left, 8)])
		if err != nil {
			return err
		}
		left -= uint64(n)
	}
	return w.Flush()
}

// disguise changes the first byte of a file and nothing else that can be set.
func disguise(root, name string) (err error) {
	f, err := os.OpenFile(filepath.Join(root, name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	before, err := f.Stat()
	if err != nil {
		return err
	}
	first := make([]byte, 1)
	if _, err := f.ReadAt(first, 0); err != nil {
		return err
	}
	first[0]++
	if _, err := f.WriteAt(first, 0); err != nil {
		return err
	}
	return os.Chtimes(f.Name(), time.Time{}, before.ModTime())
}

// application writes files with times of their own. Root gives them, and the
// volume's root, to the application; anybody else is the application.
func application(root string) error {
	for i, name := range []string{"a", "b b", "c/d"} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o775); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(name), 0o664); err != nil {
			return err
		}
		if err := os.Chtimes(file, time.Time{}, time.Unix(1_700_000_000, int64(i)*1e6+1)); err != nil {
			return err
		}
	}
	if os.Geteuid() != 0 {
		return nil
	}
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, ApplicationID, ApplicationID))
	})
}
