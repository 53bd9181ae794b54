// Package volume is what steps know of volumes, snapshots, Secrets and state,
// whatever holds them: a directory of this host or a Kubernetes namespace. Each
// holder implements [Store] and passes the suite in volumetest.
//
// Every method may be called again after it, or the process that called it, was
// killed at any instruction; it then finds or finishes what it began.
package volume

import (
	"context"
	"errors"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
)

// Store is everything a site offers to the steps. Steps ask for the part they
// need.
type Store interface {
	Copier
	Snapshotter
	Collector
	Restorer
	Quiescer
	States
	Secrets
}

// ErrNotFound is returned, wrapped, when a named thing does not exist.
var ErrNotFound = errors.New("not found")

// ErrConflict is returned, wrapped, by Save when the state changed since it was
// loaded.
var ErrConflict = errors.New("changed meanwhile")

// ErrExists is returned, wrapped, when a thing of that name exists but was not
// made by the same run or from the same source. It was left alone.
var ErrExists = errors.New("exists already")

// Copier makes point-in-time copies of volumes and removes them.
type Copier interface {
	// Copy makes the copy that req names, or finds it made by an earlier
	// attempt, and returns it. The recovery point of a copy that is found is that
	// of the attempt that made it.
	Copy(ctx context.Context, req CopyRequest) (Copy, error)
	// RemoveTemporary removes what the run may not leave behind and what killed
	// runs of the relationship left, and returns the names of what it removed. It
	// never touches what another run that is still alive uses.
	RemoveTemporary(ctx context.Context, owner Owner) ([]string, error)
	// RemoveLeftovers is RemoveTemporary without what the run itself has made, so
	// that a retry can find it.
	RemoveLeftovers(ctx context.Context, owner Owner) ([]string, error)
}

// Owner says for which run a thing is made.
type Owner struct{ Replication, Relationship, Run string }

// CopyRequest asks for a point-in-time copy.
type CopyRequest struct {
	Owner
	// Claim is the source, Name the copy.
	Claim, Name string
	// Method is Auto, Clone, Snapshot or Direct.
	Method string
	// StorageClass, SnapshotClass, AccessModes and Capacity override the
	// source's; empty for the same.
	StorageClass, SnapshotClass, Capacity string
	AccessModes                           []string
	// Keep makes a copy that is not temporary: nothing removes it.
	Keep bool
}

// Copy is a point-in-time copy, or the live volume when the method is Direct.
type Copy struct {
	// Claim is what to read: the copy's name, or the source's with Direct.
	Claim string
	// Method is what was done: Clone, Snapshot or Direct, never Auto.
	Method string
	// RecoveryPoint is an instant at or before which every completed write to
	// the source is in the copy, by the source's clock.
	RecoveryPoint time.Time
}

// Snapshotter cuts, lists and deletes replica snapshots.
type Snapshotter interface {
	// Cut makes the replica snapshot that req names and returns once its content
	// is fixed, which may be before it is ready to use. Called again with the same
	// name it returns the same snapshot.
	Cut(ctx context.Context, req CutRequest) (Snapshot, error)
	// Snapshots returns the replica snapshots of a relationship, newest recovery
	// point first.
	Snapshots(ctx context.Context, claim, relationship string) ([]Snapshot, error)
	// DeleteSnapshot deletes one; deleting what is gone is no error.
	DeleteSnapshot(ctx context.Context, claim, name string) error
	// WaitReady waits until the snapshot can be restored.
	WaitReady(ctx context.Context, claim, name string) error
}

// Collector removes what became of no replica snapshot.
type Collector interface {
	// RemoveUncut removes what Cut calls of the relationship left of the claim whose
	// process was killed and whose run cannot commit any more, and returns the names
	// of what it removed. Runs whose recovery point is after that of the last
	// committed one may still commit, and find what they began; so does the last one
	// itself. Replica snapshots that count are never touched, not even one that
	// begins to count meanwhile. What is still being made may be left to a later call.
	RemoveUncut(ctx context.Context, claim, relationship string, last contract.Commit) ([]string, error)
}

// CutRequest asks for a replica snapshot.
type CutRequest struct {
	Owner
	// Claim is the replica, Name the snapshot.
	Claim, Name   string
	RecoveryPoint time.Time
	// Digest is that of the manifest of what the replica holds, Generation the number
	// of the object store's generation it is; zero where they are not known.
	Digest     string
	Generation int64
	// Class is the VolumeSnapshotClass; empty for the driver's default.
	Class string
}

// Snapshot is a replica snapshot.
type Snapshot struct {
	contract.SnapshotRecord
	// Ready is whether it can be restored now.
	Ready bool
}

// Keep reports whether the snapshot is protected from retention.
func (s Snapshot) Keep() bool {
	v, ok := s.Labels[contract.LabelKeep]
	return ok && v != "false"
}

// Restorer makes volumes.
type Restorer interface {
	// Restore makes the claim from a replica snapshot, or finds it made by an
	// earlier attempt. A claim of that name that is not such a one is an error and
	// is left alone.
	Restore(ctx context.Context, req RestoreRequest) error
}

// Quiescer knows when nobody writes to a replica.
type Quiescer interface {
	// Quiesce waits until no listener holds the claim. It does not keep the next
	// one away: the relationship's state does, if it was changed before. A claim
	// that does not exist is at rest.
	Quiesce(ctx context.Context, claim string) error
}

// RestoreRequest asks for a volume made from a replica snapshot.
type RestoreRequest struct {
	Owner
	// Replica is the claim that the snapshot is of.
	Replica, Snapshot, Claim string
	StorageClass, Capacity   string
	AccessModes              []string
}

// Version identifies what Load read, for Save; empty when there was none.
type Version string

// States keeps the state of relationships.
type States interface {
	// Load returns the state and its version; a relationship without state has
	// the zero state and version.
	Load(ctx context.Context, relationship string) (contract.State, Version, error)
	// Save writes the state if it still has that version; else ErrConflict.
	Save(ctx context.Context, state contract.State, version Version) error
	// Watch sends the state now and after each change until ctx ends; then the
	// channel is closed. Changes in quick succession may come as one.
	Watch(ctx context.Context, relationship string) (<-chan contract.State, error)
}

// Secrets keeps small secret files by name.
type Secrets interface {
	// Secret returns the content, or ErrNotFound.
	Secret(ctx context.Context, name string) (map[string][]byte, error)
	// PutSecret creates or replaces it, all keys at once.
	PutSecret(ctx context.Context, name string, owner Owner, data map[string][]byte) error
}

// Update loads the state, lets change modify it and saves it, again from the
// start while another writer was faster. When change returns an error, nothing
// is saved and that error is returned.
func Update(ctx context.Context, states States, relationship string, change func(*contract.State) error) (contract.State, error) {
	for {
		state, version, err := states.Load(ctx, relationship)
		if err != nil {
			return contract.State{}, err
		}
		state.Relationship = relationship
		if err := change(&state); err != nil {
			return state, err
		}
		err = states.Save(ctx, state, version)
		if err == nil || !errors.Is(err, ErrConflict) || ctx.Err() != nil {
			return state, err
		}
	}
}
