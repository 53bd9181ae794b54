package manifest_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/manifest"
)

// What a Reader takes is what a Writer writes, byte by byte.
func FuzzReader(f *testing.F) {
	data, _ := write(f, sample())
	for line := range strings.Lines(decompress(f, data)) {
		f.Add(root + line)
	}
	f.Add(root + "a\tc0644\t0:0\t-1.000000000\t-\t-\trdev=1:300\txattr=a==\t|\tdata=1+2,5+1\tinode=7\n")
	f.Fuzz(func(t *testing.T, lines string) {
		if lines != "" && !strings.HasSuffix(lines, "\n") {
			lines += "\n"
		}
		text := finished(lines, strings.Count(lines, "\n"), size(lines))
		entries, _, err := read(compress(t, text))
		if err != nil {
			return
		}
		again, _ := write(t, entries)
		assert.Equal(t, text, decompress(t, again))
	})
}

// size adds the sizes of the lines that have no link.
func size(lines string) (bytes int) {
	for line := range strings.Lines(lines) {
		before, _, _ := strings.Cut(line, "\t|")
		if columns := strings.Split(before, "\t"); len(columns) > 5 && !strings.Contains(before, "\tlink=") {
			n, _ := strconv.Atoi(columns[4])
			bytes += n
		}
	}
	return bytes
}

// What a Writer takes is read back the same, whatever bytes are in it.
func FuzzWriter(f *testing.F) {
	f.Add("a b\n", "target", uint32(unix.S_IFLNK|0o777), uint32(0), int64(0), int64(-1), uint64(0), "user.a=", []byte("\xff"), "!", "layer", "object", int64(1))
	f.Add("\xffü", "", uint32(unix.S_IFREG|0o7777), uint32(1000), int64(1000), int64(1)<<62, uint64(0), "", []byte{}, "", "", "", int64(0))
	f.Add("\\x41", "", uint32(unix.S_IFCHR), uint32(1<<31), int64(0), int64(1), uint64(1)<<60, "=", []byte(nil), "", "", "", int64(-5))
	f.Fuzz(func(t *testing.T, name, target string, mode, id uint32, size, mtime int64, rdev uint64, xattr string, value []byte, link, layer, object string, ctime int64) {
		e := manifest.Entry{
			Path: name, Target: target, Mode: mode, UID: id, GID: ^id, Size: size, ModTime: mtime, Rdev: rdev,
			Link: link, Layer: layer, Object: object, ChangeTime: ctime, Inode: uint64(mtime),
		}
		if xattr != "" {
			e.Xattrs = []tree.Xattr{{Name: xattr, Value: append([]byte{}, value...)}}
		}
		if size > 8 {
			e.Data = []manifest.Range{{Offset: 1, Length: 1}, {Offset: size / 2, Length: size / 4}}
			e.Hash = hashOf(name)
		}
		entries := []manifest.Entry{{Path: ".", Mode: dir}, e}
		w, err := manifest.NewWriter(ignore{})
		require.NoError(t, err)
		require.NoError(t, w.Write(&entries[0]))
		if w.Write(&e) != nil {
			return
		}
		data, wrote := write(t, entries)
		got, summary, err := read(data)
		require.NoError(t, err)
		assert.Equal(t, entries, got)
		assert.Equal(t, wrote, summary)
	})
}

type ignore struct{}

func (ignore) Write(p []byte) (int, error) { return len(p), nil }

// A name of any bytes but NUL and slash can be in a tree, so in a manifest.
func TestNamesOfAnyBytes(t *testing.T) {
	entries := []manifest.Entry{{Path: ".", Mode: dir}}
	for c := 1; c < 256; c++ {
		if c != '/' && c != '.' {
			entries = append(entries, manifest.Entry{Path: string([]byte{byte(c)}), Mode: dir})
			for d := 1; d < 256; d++ {
				if d != '/' {
					entries = append(entries, manifest.Entry{Path: string([]byte{byte(c), '/', 'x', byte(d)}), Mode: file})
				}
			}
		}
	}
	data, _ := write(t, entries)
	got, _, err := read(data)
	require.NoError(t, err)
	assert.Equal(t, entries, got)
}
