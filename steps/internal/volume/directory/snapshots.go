package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/clone"
)

// Cut implements [volume.Snapshotter]: the snapshot is a copy of the replica, on
// disk and complete when Cut returns. Nobody may write to the replica meanwhile.
func (s *Store) Cut(ctx context.Context, req volume.CutRequest) (volume.Snapshot, error) {
	snapshot, err := s.cut(ctx, req)
	if err != nil {
		return volume.Snapshot{}, fmt.Errorf("cut replica snapshot %s of claim %s: %w", req.Name, req.Claim, err)
	}
	return snapshot, nil
}

func (s *Store) cut(ctx context.Context, req volume.CutRequest) (volume.Snapshot, error) {
	if err := checkNames(req.Name); err != nil {
		return volume.Snapshot{}, err
	}
	src, err := s.volume(req.Claim)
	if err != nil {
		return volume.Snapshot{}, err
	}
	found, err := s.snapshot(req.Claim, req.Name)
	if errors.Is(err, volume.ErrNotFound) {
		final, record := s.layout.Snapshot(req.Claim, req.Name), s.layout.SnapshotFile(req.Claim, req.Name)
		err = s.publish(ctx, src, final, clone.Options{}, record, func() any { return newRecord(req) })
		if err == nil {
			found, err = s.snapshot(req.Claim, req.Name)
		}
	}
	if err != nil {
		return volume.Snapshot{}, err
	}
	if found.Relationship != req.Relationship || found.Run != req.Run {
		return volume.Snapshot{}, fmt.Errorf("%w: it belongs to run %s of relationship %s", volume.ErrExists, found.Run, found.Relationship)
	}
	return found, nil
}

func newRecord(req volume.CutRequest) contract.SnapshotRecord {
	return contract.SnapshotRecord{
		Name: req.Name, Claim: req.Claim,
		Replication: req.Replication, Relationship: req.Relationship, Run: req.Run,
		RecoveryPoint: req.RecoveryPoint.UTC(), Created: now(),
		Digest: req.Digest, Generation: req.Generation,
	}
}

// now is the time as records keep it.
func now() time.Time { return time.Now().UTC().Round(0) }

// snapshot reads one snapshot; ErrNotFound unless it is complete.
func (s *Store) snapshot(claim, name string) (volume.Snapshot, error) {
	there, err := exists(s.layout.Snapshot(claim, name))
	if err != nil {
		return volume.Snapshot{}, err
	}
	var record contract.SnapshotRecord
	if there {
		err = readJSON(s.layout.SnapshotFile(claim, name), &record)
	}
	if !there || errors.Is(err, fs.ErrNotExist) {
		return volume.Snapshot{}, fmt.Errorf("replica snapshot %s of claim %s: %w", name, claim, volume.ErrNotFound)
	}
	if err != nil {
		return volume.Snapshot{}, fmt.Errorf("record of replica snapshot %s, to be mended by hand: %w", name, err)
	}
	return volume.Snapshot{SnapshotRecord: record, Ready: true}, nil
}

// Snapshots implements [volume.Snapshotter].
func (s *Store) Snapshots(_ context.Context, claim, relationship string) ([]volume.Snapshot, error) {
	snapshots, err := s.snapshots(claim, relationship)
	if err != nil {
		return nil, fmt.Errorf("list replica snapshots of claim %s: %w", claim, err)
	}
	return snapshots, nil
}

func (s *Store) snapshots(claim, relationship string) ([]volume.Snapshot, error) {
	if err := checkNames(claim); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.layout.Snapshots(claim))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var snapshots []volume.Snapshot
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || !e.IsDir() {
			continue
		}
		snapshot, err := s.snapshot(claim, e.Name())
		switch {
		case errors.Is(err, volume.ErrNotFound):
			continue // a directory that a person made, or one that was just deleted
		case err != nil:
			return nil, err
		}
		if snapshot.Relationship == relationship {
			snapshots = append(snapshots, snapshot)
		}
	}
	slices.SortFunc(snapshots, newestFirst)
	return snapshots, nil
}

func newestFirst(a, b volume.Snapshot) int {
	return cmp.Or(b.RecoveryPoint.Compare(a.RecoveryPoint), b.Created.Compare(a.Created), strings.Compare(b.Name, a.Name))
}

// DeleteSnapshot implements [volume.Snapshotter].
func (s *Store) DeleteSnapshot(_ context.Context, claim, name string) error {
	if err := checkNames(claim, name); err != nil {
		return err
	}
	if there, err := exists(s.layout.Snapshots(claim)); err == nil && !there {
		return nil
	}
	if err := retire(s.layout.Snapshot(claim, name), s.layout.SnapshotFile(claim, name)); err != nil {
		return fmt.Errorf("delete replica snapshot %s of claim %s: %w", name, claim, err)
	}
	return nil
}

// RemoveUncut implements [volume.Collector]. What a killed Cut left is a partial that
// nobody locks, or a record without a tree. No run goes on from those, so the last
// commit does not matter.
func (s *Store) RemoveUncut(_ context.Context, claim, _ string, _ contract.Commit) ([]string, error) {
	if err := checkNames(claim); err != nil {
		return nil, err
	}
	removed, err := removePartials(s.layout.Snapshots(claim))
	if err != nil {
		return removed, fmt.Errorf("remove snapshots of claim %s that were not cut: %w", claim, err)
	}
	return removed, nil
}

// WaitReady implements [volume.Snapshotter]: a snapshot that exists is ready.
func (s *Store) WaitReady(_ context.Context, claim, name string) error {
	if err := checkNames(claim, name); err != nil {
		return err
	}
	_, err := s.snapshot(claim, name)
	return err
}

// snapshotDirs are the directories that hold snapshots, one for each replica.
func (s *Store) snapshotDirs() ([]string, error) {
	all := filepath.Dir(s.layout.Snapshots("any"))
	entries, err := os.ReadDir(all)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			dirs = append(dirs, filepath.Join(all, e.Name()))
		}
	}
	return dirs, err
}
