package contract

import (
	"encoding/json"
	"time"
)

// OutcomeLimit is the largest termination message that Kubernetes keeps, in
// bytes (container terminationMessagePath, 4 KiB per container).
const OutcomeLimit = 4096

// DefaultTerminationFile is where Kubernetes reads a container's termination
// message from unless the pod says otherwise.
const DefaultTerminationFile = "/dev/termination-log"

// Result is the one-word end of a step.
type Result string

// The results of a step.
const (
	// ResultDone means that the step did its work.
	ResultDone Result = "done"
	// ResultNothing means that there was nothing to do, which is no failure: a
	// listener's window closed without a commit, a promotion was complete before.
	ResultNothing Result = "nothing"
	// ResultFailed means that a retry may help.
	ResultFailed Result = "failed"
	// ResultRefused means that a retry cannot help.
	ResultRefused Result = "refused"
)

// Outcome is a step's last word, one JSON object of at most [OutcomeLimit]
// bytes in the termination message.
type Outcome struct {
	// Step is the binary and its verb, such as "rsync push".
	Step string `json:"step"`
	// Outcome is how it ended, in one word.
	Outcome Result `json:"outcome"`
	// Reason says in words what happened; for machines, Code names refusals.
	Reason string `json:"reason,omitempty"`
	// Code is the refusal behind the outcome, if there is one.
	Code Refusal `json:"code,omitempty"`
	// Run is the run ID the step worked on.
	Run string `json:"run,omitempty"`
	// RecoveryPoint is the instant of the source's point-in-time image.
	RecoveryPoint *time.Time `json:"recoveryPoint,omitempty"`
	// Snapshot is the replica snapshot of the run.
	Snapshot string `json:"snapshot,omitempty"`
	// Claim is the volume a step made: the copy, or the promoted claim.
	Claim string `json:"claim,omitempty"`
	// Method is the copy method that was used.
	Method string `json:"method,omitempty"`
	// Bytes is the data of the files that were sent, before compression.
	Bytes int64 `json:"bytes,omitempty"`
	// Wire is the number of bytes that crossed the connection, both ways.
	Wire int64 `json:"wire,omitempty"`
	// Total is the size of all files of the source.
	Total int64 `json:"total,omitempty"`
	// Files is the number of entries that were created or changed.
	Files int64 `json:"files,omitempty"`
	// Entries is the number of entries of the source.
	Entries int64 `json:"entries,omitempty"`
	// Deleted is the number of entries that were removed from the replica.
	Deleted int64 `json:"deleted,omitempty"`
	// Seconds is how long the step took.
	Seconds float64 `json:"durationSeconds"`
	// Warnings are things that were not kept or not done, in words.
	Warnings []string `json:"warnings,omitempty"`
}

// Encode returns the outcome as one JSON object that fits the termination
// message: warnings go first, then the end of the reason.
func (o Outcome) Encode() []byte {
	for {
		b, err := json.Marshal(o)
		if err == nil && len(b) <= OutcomeLimit {
			return b
		}
		switch {
		case err != nil:
			return []byte(`{"outcome":"failed","reason":"unencodable outcome"}`)
		case len(o.Warnings) > 0:
			o.Warnings = o.Warnings[:len(o.Warnings)-1]
		default:
			o.Reason = shorten(o.Reason, len(o.Reason)/2)
		}
	}
}

// shorten cuts s to at most n bytes without splitting a character.
func shorten(s string, n int) string {
	for n > 0 && n < len(s) && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
