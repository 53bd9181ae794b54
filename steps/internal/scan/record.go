package scan

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/backube/scribe-gen/steps/internal/privilege"
	"github.com/backube/scribe-gen/tree/manifest"
)

// Label says which run an index is of.
type Label struct {
	Relationship string `json:"relationship"`
	Run          string `json:"run"`
	// Terms is all that decides what of the source the replica has, such as the
	// filters: with other terms, an index tells nothing of the replica.
	Terms string `json:"terms,omitempty"`
	// Compared is when all of the replica was last compared with the source, in
	// seconds since the epoch; 0 if nobody knows.
	Compared int64 `json:"compared,omitempty"`
}

// Record is what an index says of itself.
type Record struct {
	Label
	// Digest, Entries and Bytes are the manifest's.
	Digest  string `json:"digest"`
	Entries int64  `json:"entries"`
	Bytes   int64  `json:"bytes"`
	// Sum is the hash of the file after this record, and of the rest of the record.
	Sum string `json:"sum"`
	// Reader is who made the index: others may not be able to read the same
	// attributes.
	Reader reader `json:"reader"`
}

// reader is what decides which extended attributes a process can read.
type reader struct {
	User    int  `json:"user"`
	Trusted bool `json:"trusted"`
}

func self() reader { return reader{User: os.Geteuid(), Trusted: privilege.Keeps().Trusted} }

// sum completes the hash of the file after the record.
func (r Record) sum(h *manifest.Hasher) (string, error) {
	r.Sum = ""
	text, err := json.Marshal(r)
	_, _ = h.Write(text)
	return h.Sum().String(), err
}

// A record is a frame at the beginning of the file that zstd passes over.
const (
	recordMagic = 0x184D2A50
	recordSize  = 1 << 10
)

var errNoRecord = errors.New("no record at its beginning")

func (r *Record) encode() ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if len(text) > recordSize-8 {
		return nil, fmt.Errorf("a record of %d bytes: at most %d", len(text), recordSize-8)
	}
	frame := bytes.Repeat([]byte{' '}, recordSize)
	binary.LittleEndian.PutUint32(frame, recordMagic)
	binary.LittleEndian.PutUint32(frame[4:], recordSize-8)
	copy(frame[8:], text)
	return frame, nil
}

func readRecord(in io.Reader) (r Record, err error) {
	frame := make([]byte, recordSize)
	if _, err := io.ReadFull(in, frame); err != nil {
		return r, fmt.Errorf("%w: %w", errNoRecord, err)
	}
	if binary.LittleEndian.Uint32(frame) != recordMagic || binary.LittleEndian.Uint32(frame[4:]) != recordSize-8 {
		return r, errNoRecord
	}
	if err := json.Unmarshal(frame[8:], &r); err != nil {
		return r, err
	}
	if again, err := r.encode(); err != nil || !bytes.Equal(again, frame) {
		return r, errNoRecord
	}
	return r, nil
}
