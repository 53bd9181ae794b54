package manifest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/tree/manifest"
)

const root = ".\td0755\t0:0\t0.000000000\t-\t-\n"

// finished makes a text of lines that has the right header and end line, however
// wrong the lines are.
func finished(lines string, entries, bytes int) string {
	var counting strings.Builder
	for line := range strings.Lines(lines) {
		before, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t|")
		counting.WriteString(before + "\n")
	}
	return fmt.Sprintf("scribe-manifest 1\n%send entries=%d bytes=%d digest=blake3:%s\n", lines, entries, bytes, hashOf(counting.String()))
}

func TestReaderTakesWhatItShould(t *testing.T) {
	_, _, err := read(compress(t, finished(root+"a\tf0644\t0:0\t0.000000000\t7\t-\n", 2, 7)))
	require.NoError(t, err)
}

func TestReaderRefusesLines(t *testing.T) {
	plain := func(path string) string { return path + "\tf0644\t0:0\t0.000000000\t0\t-\n" }
	tests := map[string]string{
		"empty line":            "\n",
		"empty path":            plain(""),
		"columns missing":       "a\tf0644\t0:0\t0.000000000\t0\n",
		"path only":             "a\n",
		"trailing tab":          "a\tf0644\t0:0\t0.000000000\t0\t-\t\n",
		"carriage return":       "a\tf0644\t0:0\t0.000000000\t0\t-\r\n",
		"absolute path":         plain("/a"),
		"path ends in slash":    plain("a/"),
		"empty name":            plain("a//b"),
		"upwards":               plain("a/../b"),
		"upwards at once":       plain(".."),
		"dot in path":           plain("./a"),
		"zero byte":             plain(`a\x00`),
		"needless escape":       plain(`\x61`),
		"upper case escape":     plain(`\x0A`),
		"escape of UTF-8":       plain(`\xc3\xbc`),
		"unknown escape":        plain(`a\n`),
		"short escape":          plain(`a\x0`),
		"unescaped space":       plain("a b"),
		"invalid UTF-8":         plain("a\xff"),
		"surrogate":             plain("a\xed\xa0\x80"),
		"long path":             plain(strings.Repeat("a", 1<<16)),
		"directory missing":     plain("a/b"),
		"root again":            root,
		"unknown type":          "a\tx0644\t0:0\t0.000000000\t0\t-\n",
		"long mode":             "a\tf00644\t0:0\t0.000000000\t0\t-\n",
		"mode not octal":        "a\tf0648\t0:0\t0.000000000\t0\t-\n",
		"owner alone":           "a\tf0644\t0\t0.000000000\t0\t-\n",
		"large owner":           "a\tf0644\t4294967296:0\t0.000000000\t0\t-\n",
		"leading zero":          "a\tf0644\t00:0\t0.000000000\t0\t-\n",
		"whole seconds":         "a\tf0644\t0:0\t0\t0\t-\n",
		"short fraction":        "a\tf0644\t0:0\t0.00000000\t0\t-\n",
		"seconds empty":         "a\tf0644\t0:0\t.000000000\t0\t-\n",
		"minus nothing":         "a\tf0644\t0:0\t-0.000000000\t0\t-\n",
		"far future":            "a\tf0644\t0:0\t9223372036.854775808\t0\t-\n",
		"farther future":        "a\tf0644\t0:0\t18446744073.709551617\t0\t-\n",
		"far past":              "a\tf0644\t0:0\t-9223372036.854775809\t0\t-\n",
		"file without size":     "a\tf0644\t0:0\t0.000000000\t-\t-\n",
		"negative size":         "a\tf0644\t0:0\t0.000000000\t-1\t-\n",
		"large size":            "a\tf0644\t0:0\t0.000000000\t9223372036854775808\t-\n",
		"directory with size":   "a\td0755\t0:0\t0.000000000\t0\t-\n",
		"directory with hash":   "a\td0755\t0:0\t0.000000000\t-\t" + hello.String() + "\n",
		"short hash":            "a\tf0644\t0:0\t0.000000000\t0\tabcd\n",
		"upper case hash":       "a\tf0644\t0:0\t0.000000000\t0\t" + strings.ToUpper(hello.String()) + "\n",
		"zero hash":             "a\tf0644\t0:0\t0.000000000\t0\t" + manifest.Hash{}.String() + "\n",
		"unknown key":           "a\tf0644\t0:0\t0.000000000\t0\t-\tcolor=red\n",
		"no key":                "a\tf0644\t0:0\t0.000000000\t0\t-\tred\n",
		"symlink without end":   "a\tl0777\t0:0\t0.000000000\t-\t-\n",
		"symlink to nothing":    "a\tl0777\t0:0\t0.000000000\t-\t-\ttarget=\n",
		"file with target":      "a\tf0644\t0:0\t0.000000000\t0\t-\ttarget=b\n",
		"long target":           "a\tl0777\t0:0\t0.000000000\t-\t-\ttarget=" + strings.Repeat("b", 4096) + "\n",
		"device without number": "a\tc0644\t0:0\t0.000000000\t-\t-\n",
		"device number of file": "a\tf0644\t0:0\t0.000000000\t0\t-\trdev=1:1\n",
		"half a device number":  "a\tc0644\t0:0\t0.000000000\t-\t-\trdev=1\n",
		"target twice":          "a\tl0777\t0:0\t0.000000000\t-\t-\ttarget=b\ttarget=b\n",
		"link forwards":         "a\tf0644\t0:0\t0.000000000\t0\t-\tlink=b\n",
		"link to itself":        "a\tf0644\t0:0\t0.000000000\t0\t-\tlink=a\n",
		"link outside":          "a\tf0644\t0:0\t0.000000000\t0\t-\tlink=../../etc/passwd\n",
		"link to the root":      "a\tf0644\t0:0\t0.000000000\t0\t-\tlink=.\n",
		"xattr without value":   "a\tf0644\t0:0\t0.000000000\t0\t-\txattr=user.a\n",
		"xattr without name":    "a\tf0644\t0:0\t0.000000000\t0\t-\txattr==value\n",
		"xattrs not sorted":     "a\tf0644\t0:0\t0.000000000\t0\t-\txattr=user.b=\txattr=user.a=\n",
		"xattr twice":           "a\tf0644\t0:0\t0.000000000\t0\t-\txattr=user.a=\txattr=user.a=\n",
		"long xattr name":       "a\tf0644\t0:0\t0.000000000\t0\t-\txattr=" + strings.Repeat("n", 256) + "=\n",
		"long xattr value":      "a\tf0644\t0:0\t0.000000000\t0\t-\txattr=user.a=" + strings.Repeat("v", 64<<10+1) + "\n",
		"keys in wrong order":   "a\tf0644\t0:0\t0.000000000\t0\t-\txattr=user.a=\tlink=!\n",
		"layer that counts":     "a\tf0644\t0:0\t0.000000000\t0\t-\tlayer=x\n",
		"link that does not":    "a\tf0644\t0:0\t0.000000000\t0\t-\t|\tlink=!\n",
		"bar without more":      "a\tf0644\t0:0\t0.000000000\t0\t-\t|\n",
		"bar twice":             "a\tf0644\t0:0\t0.000000000\t0\t-\t|\t|\tlayer=x\n",
		"empty layer":           "a\tf0644\t0:0\t0.000000000\t0\t-\t|\tlayer=\n",
		"inode zero":            "a\tf0644\t0:0\t0.000000000\t0\t-\t|\tinode=0\n",
		"data beyond the end":   "a\tf0644\t0:0\t0.000000000\t7\t-\t|\tdata=4+4\n",
		"data far beyond":       "a\tf0644\t0:0\t0.000000000\t7\t-\t|\tdata=9223372036854775807+9223372036854775807\n",
		"data without hole":     "a\tf0644\t0:0\t0.000000000\t7\t-\t|\tdata=0+2,2+1\n",
		"data empty":            "a\tf0644\t0:0\t0.000000000\t7\t-\t|\tdata=0+0\n",
		"data of a directory":   "a\td0755\t0:0\t0.000000000\t-\t-\t|\tdata=\n",
		"trailing comma":        "a\tf0644\t0:0\t0.000000000\t7\t-\t|\tdata=0+1,\n",
		"too many ranges":       "a\tf0644\t0:0\t0.000000000\t9999\t-\t|\tdata=" + ranges(1025) + "\n",
		"long line":             "a\tf0644\t0:0\t0.000000000\t0\t-\t" + strings.Repeat("xattr=user.a=\t", 1<<21) + "\n",
	}
	for name, line := range tests {
		t.Run(name, func(t *testing.T) {
			entries, summary, err := read(compress(t, finished(root+line, 2, 0)))
			require.ErrorIs(t, err, manifest.ErrInvalid)
			assert.Contains(t, err.Error(), "line 3")
			assert.Less(t, len(err.Error()), 1000)
			assert.Len(t, entries, 1)
			assert.Empty(t, summary)
		})
	}
}

func ranges(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",%d+1", 2*i)
	}
	return b.String()[1:]
}

func TestReaderRefusesOrder(t *testing.T) {
	directory := func(path string) string { return path + "\td0755\t0:0\t0.000000000\t-\t-\n" }
	for _, paths := range [][]string{
		{"a"}, {".", "b", "a"}, {".", "a", "a"}, {".", "a", "a!", "a/b"}, {".", "a", "b", "a/c"}, {".", "a", "b/c"},
		{".", "a", "a/b", "a/c/d"}, {".", "a", "ab/c"}, {".", "ab", "a/b"}, {".", "a", "."},
	} {
		var lines strings.Builder
		for _, path := range paths {
			lines.WriteString(directory(path))
		}
		_, _, err := read(compress(t, finished(lines.String(), len(paths), 0)))
		require.ErrorIs(t, err, manifest.ErrInvalid, "%q", paths)
		assert.Contains(t, err.Error(), fmt.Sprintf("line %d", len(paths)+1), "%q", paths)
	}
	for name, lines := range map[string]string{
		"below a file":      "a\tf0644\t0:0\t0.000000000\t0\t-\na/b\tf0644\t0:0\t0.000000000\t0\t-\n",
		"through a symlink": "a\tl0777\t0:0\t0.000000000\t-\t-\ttarget=/etc\na/passwd\tf0644\t0:0\t0.000000000\t0\t-\n",
	} {
		_, _, err := read(compress(t, finished(root+lines, 3, 0)))
		require.ErrorIs(t, err, manifest.ErrInvalid, name)
		assert.Contains(t, err.Error(), "line 4", name)
	}
	_, _, err := read(compress(t, finished(strings.Replace(root, "d0755", "f0755", 1), 1, 0)))
	assert.ErrorIs(t, err, manifest.ErrInvalid)
}

func TestReaderRefusesOtherEnds(t *testing.T) {
	good := finished(root, 1, 0)
	_, _, err := read(compress(t, good))
	require.NoError(t, err)
	for name, text := range map[string]string{
		"nothing":            "",
		"other text":         "hello\n",
		"no end":             "scribe-manifest 1\n" + root,
		"no newline":         good[:len(good)-1],
		"other count":        finished(root, 2, 0),
		"other bytes":        finished(root, 1, 1),
		"other digest":       strings.Replace(good, "blake3:", "blake3:0", 1),
		"other mode":         strings.Replace(good, "d0755", "d0754", 1),
		"entry after end":    good + root,
		"twice":              good + good,
		"empty line after":   good + "\n",
		"upper case digest":  good[:len(good)-65] + strings.ToUpper(good[len(good)-65:]),
		"other format":       strings.Replace(good, "manifest 1", "manifest 2", 1),
		"header with spaces": strings.Replace(good, "manifest 1", "manifest 1 ", 1),
	} {
		_, summary, err := read(compress(t, text))
		require.ErrorIs(t, err, manifest.ErrInvalid, name)
		assert.Equal(t, name == "other format" || name == "header with spaces", errors.Is(err, manifest.ErrVersion), name)
		assert.Empty(t, summary, name)
	}
	_, _, err = read([]byte(good))
	assert.ErrorIs(t, err, manifest.ErrInvalid, "not compressed")
}

// Cut at any byte, a manifest is never taken for a complete one.
func TestReaderRefusesTruncation(t *testing.T) {
	data, _ := write(t, sample())
	for n := range data {
		_, summary, err := read(data[:n])
		require.ErrorIs(t, err, manifest.ErrInvalid, "%d bytes of %d", n, len(data))
		assert.Empty(t, summary)
	}
}

func TestReaderRefusesChangedBytes(t *testing.T) {
	data, want := write(t, sample())
	for i := range data {
		for _, bit := range []byte{1, 0x80} {
			changed := bytes.Clone(data)
			changed[i] ^= bit
			_, summary, err := read(changed)
			if err == nil { // of what zstd does not use
				assert.Equal(t, want, summary)
			}
		}
	}
}

func TestReaderBoundsTheWindow(t *testing.T) {
	text := finished(root, 1, 0)
	_, _, err := read(compress(t, text, zstd.WithWindowSize(8<<20)))
	require.NoError(t, err)
	var large bytes.Buffer
	w, err := zstd.NewWriter(&large, zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))
	require.NoError(t, err)
	_, err = w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Flush()) // or the window is as small as the text
	require.NoError(t, w.Close())
	_, _, err = read(large.Bytes())
	assert.ErrorIs(t, err, manifest.ErrInvalid)
}

func TestReadErrorIsNotTheManifests(t *testing.T) {
	data, _ := write(t, sample())
	cut := errors.New("connection cut")
	for _, n := range []int{0, 1, 100, len(data) - 1} {
		r, err := manifest.NewReader(io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(cut)))
		for err == nil {
			_, err = r.Next()
		}
		require.ErrorIs(t, err, cut, n)
		assert.NotErrorIs(t, err, manifest.ErrInvalid, n)
	}
}
