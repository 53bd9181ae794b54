// Package dataset writes the trees that are moved, and changes them, the same
// from the same seed everywhere. It knows nothing of how trees are moved.
package dataset

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// perDirectory is how many files and sub-directories a directory holds at most.
const perDirectory = 100

// Tree describes files of incompressible content in directories of 100.
type Tree struct {
	// Files is how many there are.
	Files int
	// Size is the size of each in bytes, or the average when Varied: then they are
	// spread evenly from 1 to twice the average.
	Size   int64
	Varied bool
}

// Scaled returns the tree with the given fraction of its data: fewer files, or
// smaller ones where they are few.
func (t Tree) Scaled(scale float64) Tree {
	if t.Files > perDirectory {
		t.Files = max(perDirectory, int(float64(t.Files)*scale))
	} else {
		t.Size = max(4096, int64(float64(t.Size)*scale))
	}
	return t
}

// Room is about how many bytes of memory or disk a copy of the tree takes on a
// tmpfs: whole pages of data, and inode and directory entry of each file.
func (t Tree) Room() int64 {
	const page, inode = 4096, 1536
	data := (t.Size + page - 1) / page * page
	if t.Varied {
		data += page / 2
	}
	return int64(t.Files) * (data + inode)
}

// Write makes the tree below dir, which must exist and be empty.
func (t Tree) Write(ctx context.Context, dir string, seed uint64) error {
	random := source(seed, 0)
	sizes := rand.New(source(seed, 1))
	buf := make([]byte, 1<<20)
	for i := range t.Files {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("write the source tree: %w", err)
		}
		path := t.path(dir, i)
		if i%perDirectory == 0 {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
		}
		size := t.Size
		if t.Varied {
			size = 1 + sizes.Int64N(2*t.Size-1)
		}
		if err := writeFile(path, size, random, buf); err != nil {
			return err
		}
	}
	return nil
}

// path is where the file with the given number is: in one directory when all fit,
// else in directories of directories.
func (t Tree) path(dir string, i int) string {
	name := fmt.Sprintf("file-%07d", i)
	if t.Files <= perDirectory {
		return filepath.Join(dir, name)
	}
	leaf := i / perDirectory
	return filepath.Join(dir, fmt.Sprintf("d%03d", leaf/perDirectory), fmt.Sprintf("e%02d", leaf%perDirectory), name)
}

func writeFile(path string, size int64, random *rand.ChaCha8, buf []byte) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	for size > 0 {
		part := buf[:min(size, int64(len(buf)))]
		random.Read(part)
		if _, err := f.Write(part); err != nil {
			return err
		}
		size -= int64(len(part))
	}
	return nil
}

// source is a random stream that depends on the seed and the use alone.
func source(seed, use uint64) *rand.ChaCha8 {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], use)
	return rand.NewChaCha8(key)
}

// changeTime is the modification time of what a round changes: one second apart,
// as rsync's quick check compares whole seconds by default, and long past, so that
// no file looks as if it was being written.
func changeTime(round int) time.Time {
	return time.Date(2026, time.January, 1, 0, 0, round, 0, time.UTC)
}
