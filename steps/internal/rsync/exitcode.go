package rsync

import "fmt"

// Exit codes of rsync that are acted upon.
const (
	codeUsage       = 1
	codeProtocol    = 2
	codeFiles       = 3
	codeUnsupported = 4
	codePartial     = 23
	codeVanished    = 24
	codeNotStarted  = 126
	codeNotFound    = 127
)

// meanings are the words of rsync's manual.
var meanings = map[int]string{
	codeUsage:       "syntax or usage error",
	codeProtocol:    "protocol incompatibility",
	codeFiles:       "errors selecting input/output files, dirs",
	codeUnsupported: "requested action not supported",
	5:               "error starting client-server protocol",
	10:              "error in socket I/O",
	11:              "error in file I/O",
	12:              "error in rsync protocol data stream",
	13:              "errors with program diagnostics",
	14:              "error in IPC code",
	20:              "received SIGUSR1 or SIGINT",
	21:              "some error returned by waitpid()",
	22:              "error allocating core memory buffers",
	codePartial:     "partial transfer due to error",
	codeVanished:    "partial transfer due to vanished source files",
	25:              "the --max-delete limit stopped deletions",
	30:              "timeout in data send/receive",
	35:              "timeout waiting for daemon connection",
	codeNotStarted:  "the remote shell could not be run",
	codeNotFound:    "the remote shell was not found",
	255:             "the remote shell failed",
}

// ExitError is an rsync that ended with a code other than 0.
type ExitError struct {
	Code int
	// Output is the end of what it said on standard error.
	Output string
}

func (e *ExitError) Error() string {
	meaning, ok := meanings[e.Code]
	if !ok {
		meaning = "unknown code"
	}
	return fmt.Sprintf("rsync ended with code %d (%q): %s", e.Code, meaning, e.Output)
}

// Vanished reports whether the only fault was that source files went away.
func (e *ExitError) Vanished() bool { return e.Code == codeVanished }

// Permanent reports whether trying again cannot help: the two sides do not fit
// together, or the command is wrong.
func (e *ExitError) Permanent() bool {
	switch e.Code {
	case codeUsage, codeProtocol, codeUnsupported:
		return true
	}
	return false
}
