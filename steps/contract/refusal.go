package contract

// Refusal names why a listener or a guard said no. The word is stable; the
// sentence that goes with it is not.
type Refusal string

// The refusals.
const (
	// RefusedPromoted: the replica was promoted; nothing may be pushed until
	// the relationship is resumed or reversed.
	RefusedPromoted Refusal = "promoted"
	// RefusedPaused: the relationship is paused.
	RefusedPaused Refusal = "paused"
	// RefusedStale: the run is older than the last one recorded.
	RefusedStale Refusal = "stale"
	// RefusedClock: the recovery point lies in the destination's future.
	RefusedClock Refusal = "clock"
	// RefusedBusy: another run is under way; a retry may help.
	RefusedBusy Refusal = "busy"
	// RefusedVersion: the two sides speak different protocols.
	RefusedVersion Refusal = "version"
	// RefusedRelationship: the listener serves another relationship.
	RefusedRelationship Refusal = "relationship"
	// RefusedRequest: the request is not one of the protocol's.
	RefusedRequest Refusal = "request"
	// RefusedKey: the other side's key is not the one that is pinned.
	RefusedKey Refusal = "key"
	// RefusedEmptySource: the source has no files and the guard does not allow it.
	RefusedEmptySource Refusal = "empty-source"
	// RefusedDeletions: the run would delete more than the guard allows.
	RefusedDeletions Refusal = "max-delete"
	// RefusedPrivileges: the data holds what the mover may not keep.
	RefusedPrivileges Refusal = "privileges"
	// RefusedPath: a path is longer than the mover can carry.
	RefusedPath Refusal = "path-too-long"
	// RefusedFilter: what the filters protect at the replica stands in the way.
	RefusedFilter Refusal = "filter"
	// RefusedAborted: the source ended the run for good.
	RefusedAborted Refusal = "aborted"
	// RefusedNoSnapshot: there is no replica snapshot to promote.
	RefusedNoSnapshot Refusal = "no-snapshot"
	// RefusedExists: what is to be made exists and is not the run's.
	RefusedExists Refusal = "exists"
	// RefusedForbidden: the step's account lacks a right at the API server.
	RefusedForbidden Refusal = "forbidden"
	// RefusedVolume: the volume, or the storage behind it, cannot do what was
	// asked, such as a raw block volume, or a driver without clones.
	RefusedVolume Refusal = "volume"
	// RefusedNoGeneration: nothing was published to the object store yet, or not
	// the generation that was asked for.
	RefusedNoGeneration Refusal = "no-generation"
	// RefusedStore: the object store is not as the step needs it, such as wrong
	// credentials, an absent bucket, or the generations of another replication.
	RefusedStore Refusal = "store"
	// RefusedFinished: a newer attempt of the run took this one's place, or the
	// listener is about to end; a retry may help.
	RefusedFinished Refusal = "finished"
)

// Retryable reports whether trying again may help.
func (r Refusal) Retryable() bool { return r == RefusedBusy || r == RefusedFinished }

// ExitCode is the exit code that goes with the refusal.
func (r Refusal) ExitCode() int {
	if r.Retryable() {
		return ExitFailed
	}
	return ExitRefused
}
