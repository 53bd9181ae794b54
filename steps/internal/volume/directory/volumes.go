package directory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/clone"
)

// volumeRecord is what is known of a volume that the store made, in
// volumes/.<claim>.json. Volumes that people made have none.
type volumeRecord struct {
	Claim        string `json:"claim"`
	Replication  string `json:"replication,omitempty"`
	Relationship string `json:"relationship"`
	Run          string `json:"run"`
	// Source is the claim that a point-in-time copy is of, Method how it was
	// made, RecoveryPoint the instant before the copying began.
	Source        string    `json:"source,omitempty"`
	Method        string    `json:"method,omitempty"`
	RecoveryPoint time.Time `json:"recoveryPoint,omitzero"`
	// Replica and Snapshot are what a restored volume was made from.
	Replica  string            `json:"replica,omitempty"`
	Snapshot string            `json:"snapshot,omitempty"`
	Created  time.Time         `json:"created"`
	Labels   map[string]string `json:"labels,omitempty"`
}

func (r volumeRecord) temporary() bool { return r.Labels[contract.LabelTemporary] == "true" }

func (s *Store) volumeFile(claim string) string {
	return filepath.Join(filepath.Dir(s.layout.Volume(claim)), "."+claim+".json")
}

// made returns the record of a volume that the store made; ErrNotFound when
// there is no such volume, and an error when there is one that it did not make.
func (s *Store) made(claim string) (volumeRecord, error) {
	there, err := exists(s.layout.Volume(claim))
	if err != nil {
		return volumeRecord{}, err
	}
	if !there {
		return volumeRecord{}, volume.ErrNotFound
	}
	var record volumeRecord
	err = readJSON(s.volumeFile(claim), &record)
	if errors.Is(err, fs.ErrNotExist) {
		return volumeRecord{}, fmt.Errorf("%w: %s was not made by a run; it was left alone", volume.ErrExists, s.layout.Volume(claim))
	}
	return record, err
}

// Copy implements [volume.Copier]. Auto, Clone and Snapshot all make a copy of
// the tree. It is taken file by file unless the file system shares blocks: what
// is written to the source while it is copied may be in it or not.
func (s *Store) Copy(ctx context.Context, req volume.CopyRequest) (volume.Copy, error) {
	result, err := s.copy(ctx, req)
	if err != nil {
		return volume.Copy{}, fmt.Errorf("copy claim %s to %s: %w", req.Claim, req.Name, err)
	}
	return result, nil
}

func (s *Store) copy(ctx context.Context, req volume.CopyRequest) (volume.Copy, error) {
	src, err := s.volume(req.Claim)
	if err != nil {
		return volume.Copy{}, err
	}
	method := req.Method
	switch method {
	case "Direct":
		return volume.Copy{Claim: req.Claim, Method: method, RecoveryPoint: now()}, nil
	case "", "Auto":
		method = "Clone"
	case "Clone", "Snapshot":
	default:
		return volume.Copy{}, fmt.Errorf("copy method %q: must be Auto, Clone, Snapshot or Direct", method)
	}
	if err := checkNames(req.Name); err != nil {
		return volume.Copy{}, err
	}
	found, err := s.made(req.Name)
	if errors.Is(err, volume.ErrNotFound) {
		record := volumeRecord{
			Claim: req.Name, Replication: req.Replication, Relationship: req.Relationship, Run: req.Run,
			Source: req.Claim, Method: method, RecoveryPoint: now(),
		}
		if !req.Keep {
			record.Labels = map[string]string{contract.LabelTemporary: "true"}
		}
		found, err = s.makeVolume(ctx, src, clone.Options{Live: true}, record)
	}
	if err != nil {
		return volume.Copy{}, err
	}
	if found.Relationship != req.Relationship || found.Run != req.Run || found.Source != req.Claim {
		return volume.Copy{}, fmt.Errorf("%w: %s was made from %s by run %s of relationship %s",
			volume.ErrExists, s.layout.Volume(req.Name), describeSource(found), found.Run, found.Relationship)
	}
	return volume.Copy{Claim: req.Name, Method: found.Method, RecoveryPoint: found.RecoveryPoint}, nil
}

// makeVolume publishes a volume and returns the record of what then has its
// name, which may be another process's.
func (s *Store) makeVolume(ctx context.Context, src string, opts clone.Options, record volumeRecord) (volumeRecord, error) {
	describe := func() any {
		record.Created = now()
		return record
	}
	err := s.publish(ctx, src, s.layout.Volume(record.Claim), opts, s.volumeFile(record.Claim), describe)
	if err != nil {
		return volumeRecord{}, err
	}
	return s.made(record.Claim)
}

// Restore implements [volume.Restorer].
func (s *Store) Restore(ctx context.Context, req volume.RestoreRequest) error {
	if err := s.restore(ctx, req); err != nil {
		return fmt.Errorf("restore replica snapshot %s of claim %s to claim %s: %w", req.Snapshot, req.Replica, req.Claim, err)
	}
	return nil
}

func (s *Store) restore(ctx context.Context, req volume.RestoreRequest) error {
	if err := checkNames(req.Replica, req.Snapshot, req.Claim); err != nil {
		return err
	}
	found, err := s.made(req.Claim)
	if errors.Is(err, volume.ErrNotFound) {
		if _, err := s.snapshot(req.Replica, req.Snapshot); err != nil {
			return err
		}
		found, err = s.makeVolume(ctx, s.layout.Snapshot(req.Replica, req.Snapshot), clone.Options{}, volumeRecord{
			Claim: req.Claim, Replication: req.Replication, Relationship: req.Relationship, Run: req.Run,
			Replica: req.Replica, Snapshot: req.Snapshot,
		})
	}
	if err != nil {
		return err
	}
	if found.Replica != req.Replica || found.Snapshot != req.Snapshot {
		return fmt.Errorf("%w: %s was made from %s; it was left alone", volume.ErrExists, s.layout.Volume(req.Claim), describeSource(found))
	}
	return nil
}

func describeSource(r volumeRecord) string {
	if r.Snapshot != "" {
		return "replica snapshot " + r.Snapshot
	}
	return "claim " + r.Source
}

// Quiesce implements [volume.Quiescer]: listeners hold the lock of the replica's
// directory.
func (s *Store) Quiesce(ctx context.Context, claim string) error {
	root, err := s.volume(claim)
	if errors.Is(err, volume.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	release, _, err := volume.LockRoot(ctx, root)
	if err != nil {
		return fmt.Errorf("wait until nobody writes to claim %s: %w", claim, err)
	}
	release()
	return nil
}
