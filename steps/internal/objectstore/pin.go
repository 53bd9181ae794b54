package objectstore

import (
	"context"
	"fmt"
	"time"
)

// Reader is the pin of a reader at work: it keeps a generation from collection.
type Reader struct {
	// Relationship is who reads.
	Relationship string `json:"relationship"`
	// Generation and Name are those of the generation.
	Generation int64  `json:"generation"`
	Name       string `json:"name"`
	// Until is when the pin ends if it is not taken away.
	Until time.Time `json:"until"`
}

func readerName(relationship string) string { return dirReaders + "/" + relationship + jsonSuffix }

// Pin keeps a generation for a reader, instead of the one it pinned before.
// That needs the right to write; without it, a generation stays as long after
// the next one as the pusher's grace.
func (s *Store) Pin(ctx context.Context, r Reader) error {
	if !isComponent(r.Relationship) {
		return fmt.Errorf("pin generation %d in %s: %q is no name of a relationship", r.Generation, s.name, r.Relationship)
	}
	return s.writeJSON(ctx, readerName(r.Relationship), r)
}

// Unpin takes the pin of a reader away. That there is none is no error.
func (s *Store) Unpin(ctx context.Context, relationship string) error {
	return s.remove(ctx, readerName(relationship))
}
