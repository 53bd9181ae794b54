// Package protocol is what a push and a listener say to each other: requests in
// SSH exec commands, JSON answers on their standard output. It knows nothing of
// connections.
//
// The requests are
//
//	scribe hello <Hello>      answered with a Welcome
//	scribe survey             a stream, see package survey
//	scribe lane <Lane>        one more channel for an rsync request's stream, see
//	                          package lanes
//	rsync --server …          a stream, rsync's own
//	scribe commit <Commit>    answered with a Committed
//	scribe done <Done>        answered with {}
//	scribe abort <Abort>      answered with {}
//
// A refused request is answered with {"refused": …} and the exit status 78, or 1
// when a retry may help.
package protocol

import (
	"time"

	"github.com/backube/scribe-gen/steps/contract"
)

// Version is the protocol's version. Sides of different versions refuse each
// other; what is added without breaking is announced in Welcome.Requests.
const Version = 1

// SessionVariable is the environment variable (an SSH "env" request before the
// exec request) that ties a data request to the hello that admitted the run.
// Without it a data request belongs to the run that was admitted last, so that
// plain ssh and rsync can push.
const SessionVariable = "SCRIBE_SESSION"

// Hello asks to push a run.
type Hello struct {
	Protocol      int       `json:"protocol"`
	Relationship  string    `json:"relationship"`
	Run           string    `json:"runID"`
	RecoveryPoint time.Time `json:"recoveryPoint"`
}

// Welcome admits a run.
type Welcome struct {
	Protocol     int    `json:"protocol"`
	Relationship string `json:"relationship"`
	// LastRun is the latest committed run; empty before the first.
	LastRun           string     `json:"lastRunID,omitempty"`
	LastRecoveryPoint *time.Time `json:"lastRecoveryPoint,omitempty"`
	// Committed is set when the run of the hello is recorded already: there is
	// nothing to send.
	Committed *Committed `json:"committed,omitempty"`
	// LastDigest is that of the manifest of the latest committed run, if it had one.
	// Changed is set when a run that was not committed may have changed the replica
	// since: then it is not what the digest says.
	LastDigest string `json:"lastDigest,omitempty"`
	Changed    bool   `json:"changed,omitempty"`
	// Session goes into SessionVariable of this run's data requests.
	Session string `json:"session,omitempty"`
	// Requests are the requests that the listener knows besides hello, commit and
	// abort.
	Requests []string `json:"requests"`
	// Empty is whether the replica holds nothing yet.
	Empty bool `json:"empty"`
	// Keeps is what the listener may keep of files.
	Keeps Keeps `json:"keeps"`
}

// The names of requests in Welcome.Requests.
const (
	RequestRsync  = "rsync"
	RequestSurvey = "survey"
	// RequestLane spreads the data of an rsync request over several channels.
	RequestLane = "lane"
	// RequestDone spares the listener its grace period.
	RequestDone = "done"
)

// Keeps is what a receiver may keep of files.
type Keeps struct {
	// UID and GID are what files become where Owners is false.
	UID int `json:"uid"`
	GID int `json:"gid"`
	// Owners: any owner, group, and set-ID bit (CAP_CHOWN, CAP_FOWNER, CAP_FSETID).
	Owners bool `json:"owners"`
	// Devices: device nodes (CAP_MKNOD).
	Devices bool `json:"devices"`
	// Capabilities: security.capability (CAP_SETFCAP).
	Capabilities bool `json:"capabilities"`
	// Trusted: trusted.* attributes (CAP_SYS_ADMIN).
	Trusted bool `json:"trusted"`
}

// All reports whether nothing is lost.
func (k Keeps) All() bool { return k.Owners && k.Devices && k.Capabilities && k.Trusted }

// LanesVariable is the environment variable that makes an rsync request's stream
// the first lane of several; it holds a Lane as JSON.
const LanesVariable = "SCRIBE_LANES"

// Lane is one of several channels, of one connection, that carry one stream.
type Lane struct {
	// ID is chosen by the client, unique on its connection.
	ID string `json:"id"`
	// Index is the lane's place in the turn, from 0; Count how many there are.
	Index int `json:"index"`
	Count int `json:"count"`
}

// Commit asks to make what was sent a recovery point.
type Commit struct {
	Run           string          `json:"runID"`
	RecoveryPoint time.Time       `json:"recoveryPoint"`
	Totals        contract.Totals `json:"totals"`
	// Digest is that of the manifest of what was sent, when the source knows it.
	Digest string `json:"digest,omitempty"`
	// Generation is that of the object store; it is not sent over SSH.
	Generation int64 `json:"-"`
}

// Committed says that a run is a recovery point.
type Committed struct {
	Run           string    `json:"runID"`
	RecoveryPoint time.Time `json:"recoveryPoint"`
	// Snapshot is empty with copyMethod Direct.
	Snapshot string    `json:"snapshot,omitempty"`
	Time     time.Time `json:"time"`
}

// Outcome is the end of a step whose run is committed.
func (c Committed) Outcome(reason string) contract.Outcome {
	return contract.Outcome{
		Outcome: contract.ResultDone, Reason: reason, RecoveryPoint: &c.RecoveryPoint, Snapshot: c.Snapshot,
	}
}

// Done says that the answer to the commit has arrived, so that nobody will ask
// for it again.
type Done struct {
	Run string `json:"runID"`
}

// Abort ends a run for good.
type Abort struct {
	Run    string `json:"runID"`
	Reason string `json:"reason"`
}

// Answer is what stands on the standard output of a request that is not a
// stream: the answer's own fields, or a refusal.
type Answer struct {
	Refused *Refused `json:"refused,omitempty"`
}

// Refused says no.
type Refused struct {
	Code    contract.Refusal `json:"code"`
	Message string           `json:"message"`
}

func (r *Refused) Error() string { return r.Message }
