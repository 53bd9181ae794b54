package contract

import "time"

// State is what a destination remembers of a relationship between runs. It is
// changed by compare-and-swap only.
type State struct {
	Relationship string `json:"relationship"`
	// Last is the latest committed run; nil before the first.
	Last *Commit `json:"last,omitempty"`
	// Promoted is set from the moment a promotion begins: every push is refused
	// from then on (fencing).
	Promoted *Promotion `json:"promoted,omitempty"`
	// Paused refuses pushes without promotion.
	Paused *Pause `json:"paused,omitempty"`
	// ClientKey is the fingerprint of the client key that said hello last. A
	// rotation is complete once it is the next key's.
	ClientKey string `json:"clientKey,omitempty"`
}

// Commit is one committed run.
type Commit struct {
	Run           string    `json:"run"`
	RecoveryPoint time.Time `json:"recoveryPoint"`
	// Snapshot is the replica snapshot; empty with copyMethod Direct.
	Snapshot string `json:"snapshot,omitempty"`
	// Time is when the commit was recorded, by the destination's clock.
	Time   time.Time `json:"time"`
	Totals Totals    `json:"totals"`
	// Digest identifies the tree that was committed, when the source knows it.
	Digest string `json:"digest,omitempty"`
}

// Totals is what a run moved.
type Totals struct {
	// Entries and Bytes are all there is in the source after filters.
	Entries int64 `json:"entries"`
	Bytes   int64 `json:"bytes"`
	// Files and Sent are the entries and file bytes that were transferred.
	Files   int64 `json:"files"`
	Sent    int64 `json:"sent"`
	Deleted int64 `json:"deleted"`
	// Wire is what crossed the connection, both ways.
	Wire int64 `json:"wire"`
}

// Promotion records a failover.
type Promotion struct {
	// Snapshot is the replica snapshot that was chosen, Claim the volume made
	// from it.
	Snapshot      string    `json:"snapshot"`
	Claim         string    `json:"claim"`
	RecoveryPoint time.Time `json:"recoveryPoint"`
	Time          time.Time `json:"time"`
	// Complete is set when the claim is usable.
	Complete bool `json:"complete"`
}

// Pause records who stopped a relationship, and when.
type Pause struct {
	Reason string    `json:"reason,omitempty"`
	Time   time.Time `json:"time"`
}
