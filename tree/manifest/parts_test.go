package manifest_test

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/manifest"
)

func TestCompare(t *testing.T) {
	sorted := []string{".", "!", "!/b", "!/b/c", "!/b!", "!a", "-", "..a", ".a", ".a/b", ".a/b/c", ".a!", ".b", "a", "a/b", "a\x01", "a!", "aa", "ü", "\xff"}
	for i, a := range sorted {
		for j, b := range sorted {
			assert.Equal(t, cmp.Compare(i, j), manifest.Compare(a, b), "%q and %q", a, b)
		}
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("a/b", "a!")
	f.Add(".", "..")
	f.Add("a", "a/b")
	f.Fuzz(func(t *testing.T, a, b string) {
		if a == "" || b == "" {
			return // not a path
		}
		want := slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
		switch {
		case a == b:
			want = 0
		case a == ".":
			want = -1
		case b == ".":
			want = 1
		}
		assert.Equal(t, want, manifest.Compare(a, b))
	})
}

func TestMergeAndDiff(t *testing.T) {
	old, _ := write(t, []manifest.Entry{
		{Path: ".", Mode: dir}, {Path: "a", Mode: dir}, {Path: "a/gone", Mode: file}, {Path: "a!", Mode: file, Layer: "x"}, {Path: "b", Mode: file}})
	new, _ := write(t, []manifest.Entry{
		{Path: ".", Mode: dir}, {Path: "a", Mode: file}, {Path: "a!", Mode: file, Layer: "y"}, {Path: "b", Mode: file, UID: 1}, {Path: "c", Mode: file}})
	collect := func(into *[]string) func(a, b *manifest.Entry) error {
		return func(a, b *manifest.Entry) error {
			switch {
			case a == nil:
				*into = append(*into, "+"+b.Path)
			case b == nil:
				*into = append(*into, "-"+a.Path)
			default:
				require.Equal(t, a.Path, b.Path)
				*into = append(*into, "="+a.Path)
			}
			return nil
		}
	}
	var all, different, first, last []string
	require.NoError(t, manifest.Merge(reader(t, old), reader(t, new), collect(&all)))
	assert.Equal(t, []string{"=.", "=a", "-a/gone", "=a!", "=b", "+c"}, all)
	require.NoError(t, manifest.Diff(reader(t, old), reader(t, new), collect(&different)))
	assert.Equal(t, []string{"=a", "-a/gone", "=b", "+c"}, different)

	var nothing *manifest.Reader
	require.NoError(t, manifest.Merge(nothing, reader(t, new), collect(&first)))
	assert.Equal(t, []string{"+.", "+a", "+a!", "+b", "+c"}, first)
	require.NoError(t, manifest.Merge(reader(t, new), nil, collect(&last)))
	assert.Equal(t, []string{"-.", "-a", "-a!", "-b", "-c"}, last)

	stop := errors.New("stop")
	assert.Equal(t, stop, manifest.Merge(reader(t, old), reader(t, new), func(_, _ *manifest.Entry) error { return stop }))
	text := decompress(t, old)
	cut := compress(t, text[:strings.Index(text, "end ")])
	assert.ErrorIs(t, manifest.Merge(reader(t, cut), reader(t, new), collect(&all)), manifest.ErrInvalid)
	assert.ErrorIs(t, manifest.Merge(reader(t, new), reader(t, cut), collect(&all)), manifest.ErrInvalid)
}

func TestLinks(t *testing.T) {
	links := manifest.NewLinks()
	entry := func(path string, mode uint32, dev, inode, count uint64) string {
		first, again := links.First(&tree.Entry{Path: path, Mode: mode, Dev: dev, Inode: inode, Links: count})
		assert.Equal(t, again, first != "")
		return first
	}
	assert.Empty(t, entry(".", dir, 1, 1, 3), "directories have links too")
	assert.Empty(t, entry("a", dir, 1, 1, 3))
	assert.Empty(t, entry("b", file, 1, 2, 1))
	assert.Empty(t, entry("c", file, 1, 3, 3))
	assert.Empty(t, entry("d", file, 2, 3, 2), "another file system")
	assert.Equal(t, "c", entry("e", file, 1, 3, 3))
	assert.Empty(t, entry("f", unix.S_IFIFO, 1, 4, 2))
	assert.Equal(t, "f", entry("g", unix.S_IFIFO, 1, 4, 2))
	assert.Equal(t, "c", entry("h", file, 1, 3, 3))
	assert.Empty(t, entry("i", file, 1, 3, 2), "the inode was used again")
	assert.Equal(t, "d", entry("j", file, 2, 3, 2))
}

func TestRanges(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	make := func(size int64, at ...int64) ([]manifest.Range, error) {
		f, err := os.Create(name)
		require.NoError(t, err)
		defer f.Close()
		for _, offset := range at {
			_, err = f.WriteAt([]byte("data"), offset)
			require.NoError(t, err)
		}
		require.NoError(t, f.Truncate(size))
		return manifest.Ranges(int(f.Fd()), size)
	}
	const mega = 1 << 20
	ranges, err := make(0)
	require.NoError(t, err)
	assert.Nil(t, ranges)
	ranges, err = make(4, 0)
	require.NoError(t, err)
	assert.Nil(t, ranges, "no holes")
	ranges, err = make(5 * mega)
	require.NoError(t, err)
	assert.Equal(t, []manifest.Range{}, ranges, "a hole from end to end")
	ranges, err = make(5*mega, mega, 5*mega-4)
	require.NoError(t, err)
	require.Len(t, ranges, 2)
	for i, offset := range []int64{mega, 5*mega - 4} {
		assert.LessOrEqual(t, ranges[i].Offset, offset)
		assert.GreaterOrEqual(t, ranges[i].End(), offset+4)
		assert.LessOrEqual(t, ranges[i].Length, int64(64<<10))
	}
	assert.Equal(t, int64(5*mega), ranges[1].End())

	var many []int64
	for i := range int64(1025) {
		many = append(many, i*2*64<<10)
	}
	ranges, err = make(2*1025*64<<10, many[:1024]...)
	require.NoError(t, err)
	assert.Len(t, ranges, 1024)
	ranges, err = make(2*1025*64<<10, many...)
	require.NoError(t, err)
	assert.Nil(t, ranges, "more than a manifest has")

	_, err = manifest.Ranges(-1, 10)
	assert.ErrorIs(t, err, unix.EBADF)
}

func TestHash(t *testing.T) {
	const empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
	h, n, err := manifest.HashOf(strings.NewReader(""))
	require.NoError(t, err)
	assert.Zero(t, n)
	assert.Equal(t, empty, h.String())
	parsed, err := manifest.ParseHash(empty)
	require.NoError(t, err)
	assert.Equal(t, h, parsed)
	assert.False(t, h.IsZero())
	assert.True(t, manifest.Hash{}.IsZero())
	for _, text := range []string{"", "af", empty[:63] + "x", empty + "00"} {
		_, err := manifest.ParseHash(text)
		assert.Error(t, err, "%q", text)
	}

	hasher := manifest.NewHasher()
	for _, size := range []int{0, 1, 1000, 1 << 20} {
		text := strings.Repeat("x", size)
		hasher.Reset()
		n, err := hasher.ReadFrom(iotest.DataErrReader(strings.NewReader(text)))
		require.NoError(t, err)
		assert.Equal(t, int64(size), n)
		assert.Equal(t, hashOf(text), hasher.Sum())
		hasher.Reset()
		_, err = fmt.Fprint(hasher, text)
		require.NoError(t, err)
		assert.Equal(t, hashOf(text), hasher.Sum())
	}
	_, _, err = manifest.HashOf(iotest.ErrReader(os.ErrDeadlineExceeded))
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
}
