package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Volume is the record of a volume.
type Volume struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Size in bytes.
	Size int64 `json:"size"`
	// Backing is [Tree] or [Image].
	Backing string `json:"backing"`
	Source  Source `json:"source,omitzero"`
	// Created is when its contents were made.
	Created    time.Time         `json:"created"`
	Parameters map[string]string `json:"parameters,omitempty"`
}

// Source is what a volume was made from: at most one is set, to an identifier.
type Source struct {
	Volume   string `json:"volume,omitempty"`
	Snapshot string `json:"snapshot,omitempty"`
}

// Snapshot is the record of a snapshot.
type Snapshot struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Volume is the identifier of what it is a snapshot of, which may be gone.
	Volume string `json:"volume"`
	// Size of the volume in bytes.
	Size int64 `json:"size"`
	// Backing is that of the volume.
	Backing string `json:"backing"`
	// Created is just before the contents were cut: every write completed by then
	// is in them.
	Created time.Time `json:"created"`
	// ReadyAt is from when on the snapshot is said to be usable; zero: at once.
	ReadyAt    time.Time         `json:"readyAt,omitzero"`
	Parameters map[string]string `json:"parameters,omitempty"`
}

// Ready reports whether the snapshot is usable at that time.
func (s Snapshot) Ready(at time.Time) bool { return !at.Before(s.ReadyAt) }

const recordSuffix = ".json"

// load reads the record of id in dir.
func load[T any](s *Store, dir, id string) (T, error) {
	var record T
	if !valid(id) {
		return record, fmt.Errorf("%s/%s: %w", dir, id, ErrNotFound)
	}
	data, err := os.ReadFile(s.path(dir, id) + recordSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return record, fmt.Errorf("%s/%s: %w", dir, id, ErrNotFound)
	}
	if err != nil {
		return record, fmt.Errorf("read record: %w", err)
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return record, fmt.Errorf("read record of %s/%s: %w", dir, id, err)
	}
	return record, nil
}

// save writes the record of id in dir, in one instant.
func (s *Store) save(dir, id string, record any) error {
	data, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return fmt.Errorf("write record of %s/%s: %w", dir, id, err)
	}
	file, err := os.CreateTemp(s.path(tmp, ""), "record-")
	if err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	_, err = file.Write(append(data, '\n'))
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	if err := os.Rename(file.Name(), s.path(dir, id)+recordSuffix); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

// forget removes the record of id in dir; that there is none is no error.
func (s *Store) forget(dir, id string) error {
	err := os.Remove(s.path(dir, id) + recordSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove record: %w", err)
	}
	return nil
}
