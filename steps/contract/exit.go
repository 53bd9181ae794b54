package contract

// Exit codes of every step and of scribe-gen. They are API: the retry policy of
// generated pipelines is built from them. 64 (Argo's emissary) and 137 (SIGKILL) are
// never used.
const (
	// ExitDone means that the step did what was asked, or found it done.
	ExitDone = 0
	// ExitFailed means that the step failed; a retry may help.
	ExitFailed = 1
	// ExitUsage means wrong arguments or an invalid spec; a retry cannot help.
	ExitUsage = 2
	// ExitRefused means that the step failed for good: refused by the other
	// side, promoted, wrong key, stopped by the guard. A retry cannot help.
	ExitRefused = 78
	// ExitInterrupted means that SIGINT ended a step that makes its attempts itself:
	// it has not given up, and may be started again.
	ExitInterrupted = 130
	// ExitTerminated means that SIGTERM ended a step that makes its attempts itself,
	// as when its pod is evicted: it has not given up, and may be started again.
	ExitTerminated = 143
)

// NoRetry lists the exit codes after which an engine must not try again.
var NoRetry = [...]int{ExitUsage, ExitRefused}
