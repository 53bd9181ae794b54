package manifest_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree/manifest"
)

func ExampleWriter() {
	content, size, _ := manifest.HashOf(strings.NewReader("hello"))
	var file bytes.Buffer
	w, err := manifest.NewWriter(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range []manifest.Entry{
		{Path: ".", Mode: unix.S_IFDIR | 0o755, ModTime: 1700000000_000000000},
		{Path: "data", Mode: unix.S_IFDIR | 0o750, UID: 1000, GID: 1000, ModTime: 1700000000_123456789},
		{Path: "data/a name", Mode: unix.S_IFREG | 0o644, ModTime: 1699999999_000000001, Size: size, Hash: content, Layer: "first"},
		{Path: "data/b", Mode: unix.S_IFLNK | 0o777, ModTime: 1699999999_000000000, Target: "a name"},
		{Path: "data/c", Mode: unix.S_IFREG | 0o644, ModTime: 1699999999_000000001, Size: size, Hash: content, Link: "data/a name"},
	} {
		_ = w.Write(&e) // Close returns the error too
	}
	summary, err := w.Close()
	fmt.Println(summary.Entries, "entries,", summary.Bytes, "bytes,", err)

	lines, _ := zstd.NewReader(&file)
	defer lines.Close()
	text, _ := io.ReadAll(lines)
	fmt.Println(strings.ReplaceAll(string(text), "\t", "  "))
	// Output:
	// 5 entries, 5 bytes, <nil>
	// scribe-manifest 1
	// .  d0755  0:0  1700000000.000000000  -  -
	// data  d0750  1000:1000  1700000000.123456789  -  -
	// data/a\x20name  f0644  0:0  1699999999.000000001  5  ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f  |  layer=first
	// data/b  l0777  0:0  1699999999.000000000  -  -  target=a\x20name
	// data/c  f0644  0:0  1699999999.000000001  5  ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f  link=data/a\x20name
	// end entries=5 bytes=5 digest=blake3:77118d24a94a5b6334f65070022ffab701d59f79483fca78128ddabf9c285e5b
}
