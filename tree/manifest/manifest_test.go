package manifest_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/manifest"
)

const (
	file = unix.S_IFREG | 0o644
	dir  = unix.S_IFDIR | 0o755
)

var hello = hashOf("hello")

func hashOf(text string) manifest.Hash {
	h, _, err := manifest.HashOf(strings.NewReader(text))
	if err != nil {
		panic(err)
	}
	return h
}

// sample has an entry of every kind.
func sample() []manifest.Entry {
	return []manifest.Entry{
		{Path: ".", Mode: dir, ModTime: 1700000000e9},
		{Path: "!", Mode: dir | unix.S_ISVTX, UID: 1000, GID: 4294967295, ModTime: -1},
		{Path: "!/new\nline\tand space", Mode: file, Size: 5, Hash: hello, ModTime: 1, Layer: "first", Inode: 12, ChangeTime: 1700000001_000000002},
		{Path: "!/zürich\xff\\", Mode: file | unix.S_ISUID, Size: 5, Hash: hello, ModTime: -1 << 63, Layer: "second", Object: "long/a b"},
		{Path: "-c", Mode: unix.S_IFCHR | 0o600, Rdev: unix.Mkdev(1, 5)},
		{Path: "b", Mode: unix.S_IFBLK | 0o660, Rdev: unix.Mkdev(0xfffff, 0xfffff), ModTime: 1<<63 - 1},
		{Path: "empty", Mode: file},
		{Path: "holes", Mode: file, Size: 1 << 40, Hash: hashOf("x"), Data: []manifest.Range{{0, 4096}, {1 << 30, 4096}}},
		{Path: "link", Mode: file | unix.S_ISUID, Size: 5, Hash: hello, ModTime: -1 << 63, Link: "!/zürich\xff\\"},
		{Path: "pipe", Mode: unix.S_IFIFO | 0o666},
		{Path: "socket", Mode: unix.S_IFSOCK | 0o777},
		{Path: "symlink", Mode: unix.S_IFLNK | 0o777, Target: "/ to\x7f"},
		{Path: "symlink!", Mode: file, Size: 9, Data: []manifest.Range{}, Xattrs: []tree.Xattr{
			{Name: "user.a=b =", Value: []byte("\x00\xff plain")}, {Name: "user.empty", Value: []byte{}}}},
	}
}

// write makes a manifest.
func write(t testing.TB, entries []manifest.Entry) ([]byte, manifest.Summary) {
	var out bytes.Buffer
	w, err := manifest.NewWriter(&out)
	require.NoError(t, err)
	for i := 0; i < len(entries) && err == nil; i++ {
		err = w.Write(&entries[i])
	}
	require.NoError(t, err)
	summary, err := w.Close()
	require.NoError(t, err)
	return out.Bytes(), summary
}

// read reads a manifest to its end, or to the first error.
func read(data []byte) ([]manifest.Entry, manifest.Summary, error) {
	r, err := manifest.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, manifest.Summary{}, err
	}
	defer r.Close()
	var entries []manifest.Entry
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries, r.Summary(), nil
		}
		if err != nil {
			return entries, r.Summary(), err
		}
		entries = append(entries, *e)
	}
}

func compress(t testing.TB, text string, opts ...zstd.EOption) []byte {
	w, err := zstd.NewWriter(nil, opts...)
	require.NoError(t, err)
	return w.EncodeAll([]byte(text), nil)
}

func decompress(t testing.TB, data []byte) string {
	r, err := zstd.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	defer r.Close()
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(text)
}

func TestReadBackAsWritten(t *testing.T) {
	data, wrote := write(t, sample())
	entries, summary, err := read(data)
	require.NoError(t, err)
	assert.Equal(t, sample(), entries)
	assert.Equal(t, wrote, summary)
	assert.Equal(t, int64(len(sample())), summary.Entries)
	assert.Equal(t, int64(5+5+1<<40+9), summary.Bytes, "a file with two names counts once")
	assert.Regexp(t, "^blake3:[0-9a-f]{64}$", summary.Digest)
}

// The format is fixed: others read it too.
func TestFormat(t *testing.T) {
	data, _ := write(t, sample())
	want := "scribe-manifest 1\n" +
		".\td0755\t0:0\t1700000000.000000000\t-\t-\n" +
		"!\td1755\t1000:4294967295\t-0.000000001\t-\t-\n" +
		`!/new\x0aline\x09and\x20space` + "\tf0644\t0:0\t0.000000001\t5\t" + hello.String() + "\t|\tlayer=first\tinode=12\tctime=1700000001.000000002\n" +
		`!/zürich\xff\x5c` + "\tf4644\t0:0\t-9223372036.854775808\t5\t" + hello.String() + "\t|\tlayer=second\t" + `object=long/a\x20b` + "\n" +
		"-c\tc0600\t0:0\t0.000000000\t-\t-\trdev=1:5\n" +
		"b\tb0660\t0:0\t9223372036.854775807\t-\t-\trdev=1048575:1048575\n" +
		"empty\tf0644\t0:0\t0.000000000\t0\t-\n" +
		"holes\tf0644\t0:0\t0.000000000\t1099511627776\t" + hashOf("x").String() + "\t|\tdata=0+4096,1073741824+4096\n" +
		"link\tf4644\t0:0\t-9223372036.854775808\t5\t" + hello.String() + "\t" + `link=!/zürich\xff\x5c` + "\n" +
		"pipe\tp0666\t0:0\t0.000000000\t-\t-\n" +
		"socket\ts0777\t0:0\t0.000000000\t-\t-\n" +
		"symlink\tl0777\t0:0\t0.000000000\t-\t-\t" + `target=/\x20to\x7f` + "\n" +
		"symlink!\tf0644\t0:0\t0.000000000\t9\t-\t" + `xattr=user.a\x3db\x20\x3d=\x00\xff\x20plain` + "\txattr=user.empty=\t|\tdata=\n"
	lines := strings.SplitAfter(want, "\n")
	var counting strings.Builder
	for _, line := range lines[1 : len(lines)-1] {
		before, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t|")
		counting.WriteString(before + "\n")
	}
	want += "end entries=13 bytes=1099511627795 digest=blake3:" + hashOf(counting.String()).String() + "\n"
	assert.Equal(t, want, decompress(t, data))
}

func TestEmptyManifest(t *testing.T) {
	data, summary := write(t, nil)
	assert.Equal(t, "blake3:"+hashOf("").String(), summary.Digest)
	entries, _, err := read(data)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestDigestIsOfTheTreeAlone(t *testing.T) {
	_, plain := write(t, sample())
	moved := sample()
	for i := range moved {
		e := &moved[i]
		e.Layer, e.Object, e.Inode, e.ChangeTime, e.Data = "elsewhere", "x", 99, 1, nil
	}
	data, kept := write(t, moved)
	assert.Equal(t, plain, kept)

	text := decompress(t, data)
	for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedBestCompression} {
		_, again, err := read(compress(t, text, zstd.WithEncoderLevel(level), zstd.WithEncoderCRC(false)))
		require.NoError(t, err)
		assert.Equal(t, plain, again)
	}

	changes := map[string]func(e *manifest.Entry){
		"path": func(e *manifest.Entry) { e.Path += "x" },
		"mode": func(e *manifest.Entry) { e.Mode ^= 1 },
		"type": func(e *manifest.Entry) {
			e.Mode, e.Size, e.Hash, e.Xattrs, e.Data = unix.S_IFIFO|0o644, 0, manifest.Hash{}, nil, nil
		},
		"user":   func(e *manifest.Entry) { e.UID++ },
		"group":  func(e *manifest.Entry) { e.GID++ },
		"size":   func(e *manifest.Entry) { e.Size++ },
		"mtime":  func(e *manifest.Entry) { e.ModTime++ },
		"hash":   func(e *manifest.Entry) { e.Hash[31]++ },
		"link":   func(e *manifest.Entry) { e.Link = "holes" },
		"xattrs": func(e *manifest.Entry) { e.Xattrs = e.Xattrs[:1] },
		"value":  func(e *manifest.Entry) { e.Xattrs[0].Value[1] = 0 },
	}
	seen := map[string]string{plain.Digest: "none"}
	for name, change := range changes {
		entries := sample()
		last := &entries[len(entries)-1]
		change(last)
		_, summary := write(t, entries)
		assert.NotContains(t, seen, summary.Digest, name)
		seen[summary.Digest] = name
		before := sample()
		assert.False(t, last.Same(&before[len(before)-1]), name)
		assert.Equal(t, name == "hash", last.SameAttributes(&before[len(before)-1]), name)
	}
}
