package contract

import (
	"path/filepath"
	"time"
)

// Layout is where a directory site keeps its things, below one directory:
//
//	volumes/<claim>/                 the volumes
//	volumes/.<claim>.json            what is known of one that a run made
//	snapshots/<claim>/<name>/        replica snapshots, complete when they have that name
//	snapshots/<claim>/.<name>.json   what is known of one (SnapshotRecord)
//	secrets/<name>/<key>             keys, mode 0400 in directories of mode 0700
//	state/<name>.json                State of a relationship
//
// What is under way lies beside its final name as ".<name>.<random>.partial".
type Layout struct{ Directory string }

// Volume is the directory of a claim.
func (l Layout) Volume(claim string) string { return filepath.Join(l.Directory, "volumes", claim) }

// Snapshots is the directory that holds a claim's snapshots.
func (l Layout) Snapshots(claim string) string { return filepath.Join(l.Directory, "snapshots", claim) }

// Snapshot is the tree of one snapshot.
func (l Layout) Snapshot(claim, name string) string { return filepath.Join(l.Snapshots(claim), name) }

// SnapshotFile is the record of one snapshot.
func (l Layout) SnapshotFile(claim, name string) string {
	return filepath.Join(l.Snapshots(claim), "."+name+".json")
}

// Secret is the directory of one Secret, a file per key.
func (l Layout) Secret(name string) string { return filepath.Join(l.Directory, "secrets", name) }

// State is the file of a relationship's [State].
func (l Layout) State(relationship string) string {
	return filepath.Join(l.Directory, "state", StateName(relationship)+".json")
}

// SnapshotRecord is what is known of a replica snapshot besides its tree. In a
// cluster the same facts are the VolumeSnapshot's labels and annotations.
type SnapshotRecord struct {
	Name          string            `json:"name"`
	Claim         string            `json:"claim"`
	Replication   string            `json:"replication,omitempty"`
	Relationship  string            `json:"relationship"`
	Run           string            `json:"run"`
	RecoveryPoint time.Time         `json:"recoveryPoint"`
	Created       time.Time         `json:"created"`
	Digest        string            `json:"digest,omitempty"`
	Generation    int64             `json:"generation,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
}
