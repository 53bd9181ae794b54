package objectstore

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/zeebo/blake3"
)

// What every store takes: a component of 140 bytes is one of 255 when crypt has
// encrypted it, and S3 allows 1,024 for all, of which the remote's own path
// takes some.
const (
	maxComponent = 140
	maxName      = 500
	longHash     = 16 // bytes
)

// ObjectName says under which name Put stores the content of a path in a layer.
// The first result is what an entry's Object must hold, which is empty where
// it follows from the path; the second is what it must hold in an entry with
// another path, such as that of a renamed file.
func (s *Store) ObjectName(path string) (object, remote string) {
	if s.isPlain(path) {
		return "", dirFiles + "/" + path
	}
	sum := blake3.Sum256([]byte(path))
	name := dirLong + "/" + hex.EncodeToString(sum[:longHash])
	return name, name
}

// at is where an object is in the store.
func at(layer, object, path string) (string, error) {
	if object == "" {
		object = dirFiles + "/" + path
	}
	kind, rest, _ := strings.Cut(object, "/")
	if kind != dirFiles && kind != dirLong || !isComponent(layer) {
		return "", fmt.Errorf("%q: object %.200q in layer %.200q is no name of content", path, object, layer)
	}
	for name := range strings.SplitSeq(rest, "/") {
		if !isComponent(name) {
			return "", fmt.Errorf("%q: object %.200q in layer %.200q is no name of content", path, object, layer)
		}
	}
	return kind + "/" + layer + "/" + rest, nil
}

// isComponent reports whether a name leads nowhere else.
func isComponent(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

// isPlain reports whether the store takes the path as it is. What XML or HTTP
// cannot carry, or what two names of a tree would share, it does not.
func (s *Store) isPlain(path string) bool {
	if s.backend.Features().CaseInsensitive || !utf8.ValidString(path) {
		return false
	}
	total := 0
	for name := range strings.SplitSeq(path, "/") {
		if !isComponent(name) || len(name) > maxComponent || strings.ContainsFunc(name, isControl) {
			return false
		}
		total += 1 + s.encodedLength(name)
	}
	return total <= maxName+1
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFE' || r == '\uFFFF' }

// encodedLength is how long a component becomes in the store.
func (s *Store) encodedLength(name string) int {
	if !s.backend.crypt {
		return len(name)
	}
	padded := (len(name)/16 + 1) * 16
	return (padded*8 + 4) / 5 // base32
}
