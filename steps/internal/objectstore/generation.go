package objectstore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Format is that of the records this package writes and reads.
const Format = 1

// Generation is the record of one committed push.
type Generation struct {
	// Format is Format. Commit sets it.
	Format int `json:"format"`
	// Replication is whose generation it is.
	Replication string `json:"replication"`
	// Number is the place in the history, from 1. Commit sets it.
	Number int64 `json:"number"`
	// Name is that of the manifest: the push's own name, or that of an earlier
	// push when nothing changed since.
	Name string `json:"name"`
	// Run is the ID of the run that committed it.
	Run string `json:"run"`
	// RecoveryPoint is the instant of the source's point-in-time copy.
	RecoveryPoint time.Time `json:"recoveryPoint"`
	// Digest is that of the manifest.
	Digest string `json:"digest"`
	// Entries and Bytes are of the whole tree, as in the manifest's summary.
	Entries int64 `json:"entries"`
	Bytes   int64 `json:"bytes"`
	// Uploaded is how many bytes of content the push stored.
	Uploaded int64 `json:"uploaded"`
	// Created is when the record was made, by the pusher's clock.
	Created time.Time `json:"created"`
	// Unchanged says that the tree is that of the generation before.
	Unchanged bool `json:"unchanged,omitempty"`
}

// GenerationName is the name of a run's push: the same in every attempt of the
// run.
func GenerationName(recoveryPoint time.Time, run string) string {
	sum := sha256.Sum256([]byte(run))
	return recoveryPoint.UTC().Format("20060102T150405.000000000Z") + "-" + hex.EncodeToString(sum[:])[:10]
}

var (
	// ErrNoGeneration is wrapped where there is no generation, or not the one
	// that was asked for.
	ErrNoGeneration = errors.New("no such generation")
	// ErrGone is wrapped where an object, a manifest or the marker of a push is
	// not there: its generation was collected.
	ErrGone = errors.New("no longer in the object store")
	// ErrChanged is wrapped by Put where a file was not what it was said to be.
	ErrChanged = errors.New("changed while it was read")
)

// ConflictError says that another run took the place in the history that a
// push wanted.
type ConflictError struct {
	// By is the generation that stands.
	By Generation
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("another push was first: generation %d of recovery point %s was committed by run %s; a new run builds on it",
		e.By.Number, e.By.RecoveryPoint.UTC().Format(time.RFC3339), e.By.Run)
}
