package dataset

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
)

// blockSize is the unit in which Blocks changes files: that of databases and
// file systems in images.
const blockSize = 4096

// Change modifies a written tree. Rounds count from 1; each changes other places,
// equally many.
type Change func(ctx context.Context, t Tree, dir string, seed uint64, round int) error

// Append returns the change that makes a fraction of the files one byte longer.
func Append(fraction float64) Change {
	return func(ctx context.Context, t Tree, dir string, seed uint64, round int) error {
		random := rand.New(source(seed, uint64(1+round)))
		for _, i := range pick(random, t.Files, fraction) {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("change the source tree: %w", err)
			}
			if err := appendByte(t.path(dir, i), byte(random.Uint32()), round); err != nil {
				return err
			}
		}
		return nil
	}
}

func appendByte(path string, b byte, round int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte{b})
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Chtimes(path, changeTime(round), changeTime(round))
}

// Blocks returns the change that rewrites a fraction of the 4 KiB blocks of each
// file, at random places.
func Blocks(fraction float64) Change {
	return func(ctx context.Context, t Tree, dir string, seed uint64, round int) error {
		content := source(seed, uint64(1+round))
		places := rand.New(content)
		for i := range t.Files {
			if err := rewrite(ctx, t.path(dir, i), fraction, places, content); err != nil {
				return err
			}
			if err := os.Chtimes(t.path(dir, i), changeTime(round), changeTime(round)); err != nil {
				return err
			}
		}
		return nil
	}
}

func rewrite(ctx context.Context, path string, fraction float64, places *rand.Rand, content *rand.ChaCha8) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	block := make([]byte, blockSize)
	for _, at := range pick(places, int(info.Size()/blockSize), fraction) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("change %s: %w", path, err)
		}
		content.Read(block)
		if _, err := f.WriteAt(block, int64(at)*blockSize); err != nil {
			return err
		}
	}
	return nil
}

// pick chooses a fraction of the numbers below n, at least one, none twice.
func pick(random *rand.Rand, n int, fraction float64) []int {
	want := min(n, max(1, int(float64(n)*fraction)))
	chosen := make([]int, 0, want)
	taken := make(map[int]bool, want)
	for len(chosen) < want {
		if i := random.IntN(n); !taken[i] {
			taken[i] = true
			chosen = append(chosen, i)
		}
	}
	return chosen
}
