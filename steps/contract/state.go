package contract

import "time"

// State is what a destination remembers of a relationship between runs. It is
// changed by compare-and-swap only.
type State struct {
	// Relationship is its name: <replication>-<destination site>.
	Relationship string `json:"relationship"`
	// Last is the latest committed run; absent before the first.
	Last *Commit `json:"last,omitempty"`
	// Promoted is set from the moment a promotion begins: every push is refused
	// from then on (fencing).
	Promoted *Promotion `json:"promoted,omitempty"`
	// Paused refuses pushes without promotion.
	Paused *Pause `json:"paused,omitempty"`
	// Writing is set from before a run changes the first byte of the replica until
	// its commit: while it is there, the replica is not what Last says.
	Writing *Writing `json:"writing,omitempty"`
	// ClientKey is the fingerprint of the client key that said hello last. A
	// rotation is complete once it is the next key's.
	ClientKey string `json:"clientKey,omitempty"`
}

// Commit is one committed run.
type Commit struct {
	// Run is the run ID.
	Run string `json:"run"`
	// RecoveryPoint is the instant of the source's point-in-time image.
	RecoveryPoint time.Time `json:"recoveryPoint"`
	// Snapshot is the replica snapshot; empty with copyMethod Direct.
	Snapshot string `json:"snapshot,omitempty"`
	// Time is when the commit was recorded, by the destination's clock.
	Time time.Time `json:"time"`
	// Totals is what the run moved, as the source counted it.
	Totals Totals `json:"totals"`
	// Digest identifies the tree that was committed, when the source knows it.
	Digest string `json:"digest,omitempty"`
	// Generation is the number of the generation of an object store that was
	// published or pulled; 0 where there is none.
	Generation int64 `json:"generation,omitempty"`
	// AsOf is the newest recovery point at which the source is known to have had
	// this content still; absent when that is RecoveryPoint.
	AsOf *time.Time `json:"asOf,omitempty"`
}

// Current is the newest recovery point that the commit stands for.
func (c *Commit) Current() time.Time {
	if c.AsOf != nil && c.AsOf.After(c.RecoveryPoint) {
		return *c.AsOf
	}
	return c.RecoveryPoint
}

// Writing says which run changes, or changed, the replica after the latest commit.
type Writing struct {
	// Run is the run ID of the latest one.
	Run string `json:"run"`
	// Time is when the first of them began, by the destination's clock.
	Time time.Time `json:"time"`
}

// Totals is what a run moved.
type Totals struct {
	// Entries is the number of entries of the source.
	Entries int64 `json:"entries"`
	// Bytes is the size of all files of the source.
	Bytes int64 `json:"bytes"`
	// Files is the number of entries that were created or changed.
	Files int64 `json:"files"`
	// Sent is the size of the files that were sent, before compression.
	Sent int64 `json:"sent"`
	// Deleted is the number of entries that were removed from the replica.
	Deleted int64 `json:"deleted"`
	// Wire is what crossed the connection, both ways.
	Wire int64 `json:"wire"`
}

// Promotion records a failover.
type Promotion struct {
	// Snapshot is the replica snapshot that was chosen; empty until it is.
	Snapshot string `json:"snapshot"`
	// Claim is the volume made from it.
	Claim string `json:"claim"`
	// RecoveryPoint is that of the snapshot.
	RecoveryPoint time.Time `json:"recoveryPoint"`
	// Time is when pushes were first refused.
	Time time.Time `json:"time"`
	// Quiet is set by a listener that has stopped taking data because of the
	// promotion: it may live on, to tell sources why it refuses them, and need not
	// be waited for.
	Quiet bool `json:"quiet,omitempty"`
	// Complete is set when the claim is usable.
	Complete bool `json:"complete"`
}

// Pause records who stopped a relationship, and when.
type Pause struct {
	// Reason says in words why.
	Reason string `json:"reason,omitempty"`
	// Time is since when.
	Time time.Time `json:"time"`
}
