package contract

// Environment variables in which an engine tells a step what is no argument,
// because it is known only in the pod or is the same for every step. A step
// behaves the same without any of them.
const (
	// AttemptVariable is the environment variable in which an engine tells a step the
	// number of the attempt, from 1; it stands in every log line.
	AttemptVariable = "SCRIBE_ATTEMPT"
	// RetryLimitVariable is how often a step tries again by itself after a failure
	// that is not for good, a number from 0. Unset, a step makes one attempt, and
	// the engine makes the others.
	RetryLimitVariable = "SCRIBE_RETRY_LIMIT"
	// RetryBackoffVariable is the wait before the second attempt, as a Go duration
	// (default 20s); it doubles with every further one. Read with
	// SCRIBE_RETRY_LIMIT only.
	RetryBackoffVariable = "SCRIBE_RETRY_BACKOFF"
	// RetryMaxBackoffVariable is the longest wait between attempts, as a Go duration
	// (default 5m). Read with SCRIBE_RETRY_LIMIT only.
	RetryMaxBackoffVariable = "SCRIBE_RETRY_MAX_BACKOFF"
	// AttemptTimeoutVariable is how long one attempt may take, as a Go duration; no
	// limit by default. Read with SCRIBE_RETRY_LIMIT only.
	AttemptTimeoutVariable = "SCRIBE_ATTEMPT_TIMEOUT"
	// EarlierPodsVariable is a label selector of the pods in which an engine started
	// this step before, in the pod's namespace. If the step gave up in the latest of
	// them, it ends as it did there, at once.
	EarlierPodsVariable = "SCRIBE_EARLIER_PODS"
	// PodVariable is the name of the pod itself.
	PodVariable = "SCRIBE_POD"
	// FinishedPodsVariable is what the steps that remove temporary claims do with the
	// finished pods that mount them: "delete", or nothing. A claim stays as long as
	// a pod names it, so they must go where the engine does not remove them.
	FinishedPodsVariable = "SCRIBE_FINISHED_PODS"
)

// FinishedPodsDelete is the value of [FinishedPodsVariable] with which finished
// pods are deleted.
const FinishedPodsDelete = "delete"
