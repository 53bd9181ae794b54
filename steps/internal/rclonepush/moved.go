package rclonepush

import "github.com/backube/scribe-gen/tree/manifest"

// movedLimit bounds what is remembered of content that is no longer where it was,
// to some 20 MB. What goes beyond it is uploaded again when it turns up elsewhere.
const movedLimit = 100_000

// moved is the content of the latest generation that is not under its path any
// more, or that may have changed there: what a file of another name may hold. It
// is complete before it is asked, so that many may ask at once.
type moved struct {
	places map[content]place
	sizes  map[int64]bool
}

type content struct {
	hash manifest.Hash
	size int64
}

// place is where an object store keeps content.
type place struct{ layer, object string }

func newMoved() *moved { return &moved{places: map[content]place{}, sizes: map[int64]bool{}} }

// add takes the entry of a file as the latest generation has it; object is its
// object's name, in full.
func (m *moved) add(e *manifest.Entry, object string) {
	if len(m.places) >= movedLimit {
		return
	}
	m.places[content{e.Hash, e.Size}] = place{layer: e.Layer, object: object}
	m.sizes[e.Size] = true
}

// mayHold reports whether it is worth to hash a file of that size.
func (m *moved) mayHold(size int64) bool { return m.sizes[size] }

func (m *moved) find(hash manifest.Hash, size int64) (place, bool) {
	p, ok := m.places[content{hash, size}]
	return p, ok
}
