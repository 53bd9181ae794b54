package manifest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/manifest"
)

func TestWriterRefusesWhatNoTreeHas(t *testing.T) {
	for name, e := range map[string]manifest.Entry{
		"no type":            {Path: "a", Mode: 0o644},
		"more than a mode":   {Path: "a", Mode: file | 1<<20},
		"no path":            {Mode: file},
		"target":             {Path: "a", Mode: file, Target: "b"},
		"size":               {Path: "a", Mode: dir, Size: 4096},
		"hash":               {Path: "a", Mode: dir, Hash: hello},
		"negative size":      {Path: "a", Mode: file, Size: -1},
		"zero byte":          {Path: "a\x00", Mode: file},
		"zero byte at end":   {Path: "a", Mode: unix.S_IFLNK, Target: "\x00"},
		"zero byte in xattr": {Path: "a", Mode: file, Xattrs: []tree.Xattr{{Name: "user.\x00"}}},
		"large value":        {Path: "a", Mode: file, Xattrs: []tree.Xattr{{Name: "user.a", Value: make([]byte, 64<<10+1)}}},
		"long layer":         {Path: "a", Mode: file, Layer: strings.Repeat("l", 5000)},
		"too many xattrs":    {Path: "a", Mode: file, Xattrs: largeXattrs(100)},
		"before the root":    {Path: ".", Mode: dir},
		"sizes":              {Path: "a", Mode: file, Size: 1<<63 - 1},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := manifest.NewWriter(io.Discard)
			require.NoError(t, err)
			require.NoError(t, w.Write(&manifest.Entry{Path: ".", Mode: dir}))
			require.NoError(t, w.Write(&manifest.Entry{Path: "!", Mode: file, Size: 1}))
			wrong := w.Write(&e)
			require.Error(t, wrong)
			assert.NotErrorIs(t, wrong, manifest.ErrInvalid)
			assert.Equal(t, wrong, w.Write(&manifest.Entry{Path: "b", Mode: file}), "nothing is left out quietly")
			_, err = w.Close()
			assert.Equal(t, wrong, err)
		})
	}
}

// largeXattrs are n attributes of the largest size.
func largeXattrs(n int) []tree.Xattr {
	xattrs := make([]tree.Xattr, n)
	for i := range xattrs {
		xattrs[i] = tree.Xattr{Name: fmt.Sprintf("user.%03d", i), Value: make([]byte, 64<<10)}
	}
	return xattrs
}

func TestLargeEntries(t *testing.T) {
	deep := strings.TrimSuffix(strings.Repeat(strings.Repeat("d", 255)+"/", 250), "/")
	entries := []manifest.Entry{{Path: ".", Mode: dir}}
	for i, c := range deep {
		if c == '/' {
			entries = append(entries, manifest.Entry{Path: deep[:i], Mode: dir})
		}
	}
	entries = append(entries, manifest.Entry{Path: deep, Mode: file, Xattrs: largeXattrs(60)})
	data, _ := write(t, entries)
	got, _, err := read(data)
	require.NoError(t, err)
	assert.Equal(t, entries, got)
}

func TestWriterAndReaderAfterClose(t *testing.T) {
	w, err := manifest.NewWriter(io.Discard)
	require.NoError(t, err)
	_, err = w.Close()
	require.NoError(t, err)
	_, err = w.Close()
	require.Error(t, err)
	require.Error(t, w.Write(&manifest.Entry{Path: ".", Mode: dir}))

	data, _ := write(t, sample())
	r, err := manifest.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	r.Close()
	_, err = r.Next()
	require.Error(t, err)
	assert.NotErrorIs(t, err, io.EOF)
}

func TestWriterReportsFullDisk(t *testing.T) {
	full := errors.New("no space left")
	w, err := manifest.NewWriter(writerFunc(func([]byte) (int, error) { return 0, full }))
	if err == nil {
		_, err = w.Close()
	}
	assert.ErrorIs(t, err, full)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
