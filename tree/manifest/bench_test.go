package manifest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/tree/manifest"
)

// many calls fn for n entries as a volume has them: 100 files per directory,
// hashes and times that do not repeat, a few layers.
func many(n int, fn func(*manifest.Entry) error) error {
	rng := rand.New(rand.NewPCG(1, 2))
	if err := fn(&manifest.Entry{Path: ".", Mode: dir}); err != nil {
		return err
	}
	for i := range n - 1 {
		e := manifest.Entry{
			Path: fmt.Sprintf("d%05d", i/101), Mode: dir, UID: 1000, GID: 1000,
			ModTime: 1_700_000_000e9 + rng.Int64N(1e15), Inode: uint64(100 + i), ChangeTime: 1_700_000_000e9 + rng.Int64N(1e15),
		}
		if i%101 > 0 {
			e.Path += fmt.Sprintf("/document-%03d.txt", i%101)
			e.Mode, e.Size = file, rng.Int64N(1e6)
			e.Layer = fmt.Sprintf("20260102T%02d0000.000000000Z-0123456789", rng.IntN(4))
			for j := range e.Hash {
				e.Hash[j] = byte(rng.Uint32())
			}
		}
		if err := fn(&e); err != nil {
			return err
		}
	}
	return nil
}

// list is many in memory.
func list(n int) []manifest.Entry {
	entries := make([]manifest.Entry, 0, n)
	_ = many(n, func(e *manifest.Entry) error { entries = append(entries, *e); return nil })
	return entries
}

const listed = 100_000

func BenchmarkWrite(b *testing.B) {
	entries := list(listed)
	b.ReportAllocs()
	var size int
	for b.Loop() {
		data, _ := write(b, entries)
		size = len(data)
	}
	perEntry(b, size)
}

func BenchmarkRead(b *testing.B) {
	data, _ := write(b, list(listed))
	b.ReportAllocs()
	for b.Loop() {
		readAll(b, bytes.NewReader(data))
	}
	perEntry(b, len(data))
}

func BenchmarkDiff(b *testing.B) {
	data, _ := write(b, list(listed))
	for b.Loop() {
		x, err := manifest.NewReader(bytes.NewReader(data))
		require.NoError(b, err)
		y, err := manifest.NewReader(bytes.NewReader(data))
		require.NoError(b, err)
		require.NoError(b, manifest.Diff(x, y, func(_, _ *manifest.Entry) error { return errors.New("no difference") }))
	}
	perEntry(b, len(data))
}

func perEntry(b *testing.B, size int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/listed, "ns/entry")
	b.ReportMetric(float64(size)/listed, "bytes/entry")
}

func readAll(t testing.TB, from io.Reader) manifest.Summary {
	r, err := manifest.NewReader(from)
	require.NoError(t, err)
	defer r.Close()
	for err == nil {
		_, err = r.Next()
	}
	require.ErrorIs(t, err, io.EOF)
	return r.Summary()
}

// Two million entries are written and read at once, with the memory of a few.
func TestMemoryDoesNotGrow(t *testing.T) {
	if testing.Short() {
		t.Skip("two million entries")
	}
	const entries, limit = 2_000_000, 48 << 20
	in, out := io.Pipe()
	wrote := make(chan manifest.Summary, 1)
	go func() {
		w, err := manifest.NewWriter(out)
		if err == nil {
			err = many(entries, w.Write)
		}
		summary := manifest.Summary{}
		if err == nil {
			summary, err = w.Close()
		}
		wrote <- summary
		_ = out.CloseWithError(err)
	}()
	var most uint64
	counted := 0
	summary := readAll(t, readerFunc(func(p []byte) (int, error) {
		if counted++; counted%500 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
		}
		return in.Read(p)
	}))
	assert.Equal(t, <-wrote, summary)
	assert.Equal(t, int64(entries), summary.Entries)
	assert.Greater(t, counted, 1000)
	assert.Less(t, most, uint64(limit))
	t.Logf("at most %d KiB of heap", most>>10)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
