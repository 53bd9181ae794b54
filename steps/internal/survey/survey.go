// Package survey finds out, before any data moves, where a source and its
// replica differ: both sides walk their trees at the same time, in the same
// order, and compare a digest for each directory. What comes out decides what
// rsync is given to look at, whether the guard must be asked, whether files may
// be updated in place, and whether the receiver can keep what the source has.
//
// A digest covers what rsync compares, names and attributes but no content, so a
// directory that is left out is one in which rsync would find nothing to do. On
// one million files of which few changed, the walk takes a fraction of rsync's
// own, and one round trip instead of thousands.
//
// Directories with hard links always count as different, as rsync can only link
// what it is given together. Links at the replica that the source does not have
// are removed before it writes, as rsync would leave them, and write through
// them.
package survey

import (
	"github.com/backube/scribe-gen/steps/internal/privilege"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/tree"
)

// PathLimit is the longest path that rsync carries, in bytes (MAXPATHLEN less
// the terminating NUL).
const PathLimit = 4095

// Result is what a survey found.
type Result struct {
	// Entries and Bytes are what the source holds, Largest its largest file, and
	// Sparse whether a file has holes.
	Entries, Bytes, Largest int64
	Directories             int64
	Sparse                  bool
	// Vanished counts entries of a live source that went away meanwhile.
	Vanished int64
	// Foreign counts entries whose owner the receiver cannot keep.
	Foreign int64
	// Unkept are entries that the receiver cannot keep at all, the first few.
	Unkept      []Unkept
	UnkeptTotal int64
	// Long is a path that rsync cannot carry, if there is one.
	Long string
	// Differing is the number of source directories in which something differs.
	Differing int64
	// Replica is what the receiver found.
	Replica
}

// Replica is the receiver's part of a result, as it is sent.
type Replica struct {
	// ReplicaEntries is the number of entries of the replica.
	ReplicaEntries int64 `json:"entries"`
	// MayDelete bounds the number of entries that rsync would delete from above.
	MayDelete int64 `json:"mayDelete"`
	// Unlink is the number of links to remove before anything is written.
	Unlink int64 `json:"unlink"`
}

// Unkept is an entry that a receiver cannot keep, and why.
type Unkept struct{ Path, Why string }

// unkeptShown is how many unkept entries are named.
const unkeptShown = 10

// Note adds an entry of the source to the result.
func (r *Result) Note(e *tree.Entry, keeps protocol.Keeps) {
	r.Entries++
	r.Bytes += e.Size
	r.Largest = max(r.Largest, e.Size)
	if e.IsDir() {
		r.Directories++
	}
	if e.IsRegular() && e.Blocks*512 < e.Size {
		r.Sparse = true
	}
	if len(e.Path) > PathLimit && r.Long == "" {
		r.Long = e.Path
	}
	if keeps.All() {
		return
	}
	if !keeps.Owners && (int(e.UID) != keeps.UID || int(e.GID) != keeps.GID) {
		r.Foreign++
	}
	if why := privilege.Unkept(e.Mode, e.Xattrs, keeps); why != "" {
		if r.UnkeptTotal++; len(r.Unkept) < unkeptShown {
			r.Unkept = append(r.Unkept, Unkept{Path: e.Path, Why: why})
		}
	}
}
