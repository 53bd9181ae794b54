package contract

import (
	"encoding/json"
	"time"
)

// OutcomeLimit is the largest outcome in bytes, as a JSON string that holds its
// JSON object.
//
// The kubelet keeps 4096 bytes of a container's termination message, and 12 KiB of
// a pod's, of which each container has an equal share: 4096 bytes of three. Tekton
// makes a JSON array of a step's results there, and drops what does not fit, so
// that the outcome is quoted once more and shares the room with the result's name
// and what Tekton itself notes (start, exit code, reason).
const OutcomeLimit = 3072

// OutcomeResult is the name of the Tekton result that an outcome is.
const OutcomeResult = "outcome"

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

// Outcome is a step's last word, one JSON object in the termination message, of at
// most [OutcomeLimit] bytes when it is quoted as a JSON string.
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
	// Attempt is the number of the attempt, from 1, where a step makes its attempts
	// itself.
	Attempt int `json:"attempt,omitempty"`
	// RecoveryPoint is the instant of the source's point-in-time image.
	RecoveryPoint *time.Time `json:"recoveryPoint,omitempty"`
	// Snapshot is the replica snapshot of the run.
	Snapshot string `json:"snapshot,omitempty"`
	// Generation is the number of the generation that was published or pulled.
	Generation int64 `json:"generation,omitempty"`
	// Digest is that of the tree's manifest.
	Digest string `json:"digest,omitempty"`
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
// message: warnings go first, then the end of the reason, then whatever else is
// not needed to tell how the step ended.
func (o Outcome) Encode() []byte {
	for {
		b, err := json.Marshal(o)
		if err != nil {
			return []byte(`{"outcome":"failed","reason":"unencodable outcome"}`)
		}
		length := quotedLength(b)
		switch {
		case length <= OutcomeLimit:
			return b
		case len(o.Warnings) > 0:
			o.Warnings = o.Warnings[:len(o.Warnings)-1]
		case o.Reason != "":
			o.Reason = shorten(o.Reason, min(len(o.Reason)-1, len(o.Reason)*OutcomeLimit/length))
		default:
			o = Outcome{Step: shorten(o.Step, 64), Outcome: o.Outcome, Code: o.Code, Seconds: o.Seconds}
		}
	}
}

// quotedLength is the length of text as a JSON string, as Tekton encodes it.
func quotedLength(text []byte) int {
	quoted, _ := json.Marshal(string(text)) // a string can always be encoded
	return len(quoted)
}

// ParseOutcome reads the termination message of a step's container: the outcome
// itself, or Tekton's array of results of which one is the outcome. It returns nil
// when there is none, as for a container that was killed or that is no step's.
func ParseOutcome(message string) *Outcome {
	var results []struct{ Key, Value string }
	if json.Unmarshal([]byte(message), &results) == nil {
		message = ""
		for _, r := range results {
			if r.Key == OutcomeResult {
				message = r.Value // the last one counts, as for Tekton
			}
		}
	}
	var outcome Outcome
	if json.Unmarshal([]byte(message), &outcome) != nil || outcome.Outcome == "" {
		return nil
	}
	return &outcome
}

// shorten cuts s to at most n bytes without splitting a character.
func shorten(s string, n int) string {
	for n > 0 && n < len(s) && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
