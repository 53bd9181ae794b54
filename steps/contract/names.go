package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
)

// Labels and annotations on the objects that steps and the generator make.
const (
	// LabelReplication is the name of the replication.
	LabelReplication = "scribe.backube/replication"
	// LabelRelationship is the name of the relationship.
	LabelRelationship = "scribe.backube/relationship"
	// LabelRun is the run ID of the run that made the object.
	LabelRun = "scribe.backube/run"
	// LabelTemporary is "true" on what a run may not leave behind.
	LabelTemporary = "scribe.backube/temporary"
	// LabelKeep protects a replica snapshot from retention, unless it is "false".
	LabelKeep = "scribe.backube/keep"
	// LabelRole is the role of the pods and objects of a pipeline: source,
	// destination or promote.
	LabelRole = "scribe.backube/role"
	// LabelScheduled is "true" on the PipelineRuns that a schedule started.
	LabelScheduled = "scribe.backube/scheduled"
	// AnnotationRecoveryPoint is the recovery point of a replica snapshot, RFC 3339
	// with nanoseconds.
	AnnotationRecoveryPoint = "scribe.backube/recovery-point"
	// AnnotationRunID is the run ID of a replica snapshot.
	AnnotationRunID = "scribe.backube/run-id"
	// AnnotationCut is when the run saw that its replica snapshot was cut, RFC 3339.
	// A replica snapshot without it does not count: its run was killed before, and
	// the next may have been writing to the replica by the time it was cut.
	AnnotationCut = "scribe.backube/cut"
	// AnnotationDigest is the digest of the tree manifest of a replica snapshot: the
	// identity of its content with all attributes.
	AnnotationDigest = "scribe.backube/digest"
	// AnnotationGeneration is the number of the generation of an object store that a
	// replica snapshot is of.
	AnnotationGeneration = "scribe.backube/generation"
	// AnnotationMethod is how a point-in-time copy was made: Clone or Snapshot.
	AnnotationMethod = "scribe.backube/method"
	// AnnotationSource is the claim that a point-in-time copy is of.
	AnnotationSource = "scribe.backube/source"
	// AnnotationSnapshot is the replica snapshot that a claim was restored from.
	AnnotationSnapshot = "scribe.backube/snapshot"
)

// The roles of a relationship; each has a pipeline of its own.
const (
	RoleSource      = "source"
	RoleDestination = "destination"
	RolePromote     = "promote"
)

// RunIDLimit is the longest run ID, in bytes: "scribe-copy-" and it make a name
// of at most 63 bytes. An Argo or Tekton UID has 36.
const RunIDLimit = 51

var runID = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// CheckRunID reports why id cannot be a run ID: it must be a DNS label of at
// most [RunIDLimit] bytes, as it becomes part of names and a label.
func CheckRunID(id string) error {
	if len(id) > RunIDLimit || !runID.MatchString(id) {
		return fmt.Errorf("run ID %q: must be lower-case letters, digits and inner dashes, at most %d bytes", id, RunIDLimit)
	}
	return nil
}

// RelationshipName is the name of the relationship of a replication with the
// destination at site.
func RelationshipName(replication, site string) string { return replication + "-" + site }

// CopyName is the name of the point-in-time copy of a run. It is computed from
// the run alone because an engine can put a run's UID into a name, but nothing
// derived from it.
func CopyName(run string) string { return "scribe-copy-" + run }

// SnapshotName is the name of the replica snapshot of a run: the same for every
// attempt, so that a run has exactly one.
func SnapshotName(relationship, run string) string {
	sum := sha256.Sum256([]byte(run))
	return "scribe-" + relationship + "-" + hex.EncodeToString(sum[:])[:10]
}

// PulledSnapshotName is the name of the replica snapshot of a run that pulls a
// generation of an object store. Another attempt of the run may find a newer
// generation: what the first one cut, or only began to cut, is not of that.
func PulledSnapshotName(relationship, run string, generation int64) string {
	return SnapshotName(relationship, fmt.Sprintf("%s/%d", run, generation))
}

// ListenerSecret holds the host's private keys and the client's public keys.
func ListenerSecret(relationship string) string { return "scribe-" + relationship + "-listener" }

// PushSecret holds what the source needs to connect.
func PushSecret(relationship string) string { return "scribe-" + relationship + "-push" }

// StateName is the name of the relationship's state: a ConfigMap or a file.
func StateName(relationship string) string { return "scribe-" + relationship + "-state" }

// Keys within the Secrets. The "next" ones exist while keys rotate.
const (
	KeyHost           = "host.key"
	KeyHostNext       = "host-next.key"
	KeyClientPub      = "client.pub"
	KeyClientPubNext  = "client-next.pub"
	KeyClient         = "client.key"
	KeyHostPub        = "host.pub"
	KeyAddress        = "address"
	KeyPort           = "port"
	StateKey          = "state.json"
	FilterKey         = "filters"
	KeyRcloneConfig   = "rclone.conf"
	DefaultListenPort = 2222
)
