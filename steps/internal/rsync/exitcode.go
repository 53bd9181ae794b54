package rsync

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/backube/scribe-gen/process"
	"github.com/backube/scribe-gen/steps/contract"
)

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
	// codeRefused is a listener's, see contract.ExitRefused.
	codeRefused = contract.ExitRefused
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
	codeRefused:     "the listener refused the request",
	255:             "the remote shell failed",
}

// ExitError is an rsync that ended with a code other than 0.
type ExitError struct {
	Code int
	// Output is the end of what it said on standard error.
	Output string
	// onlyVanished is set when every complaint was about a file that was gone,
	// onlyRoot when every one was about attributes of the replica's root.
	onlyVanished, onlyRoot bool
}

func (e *ExitError) Error() string {
	meaning, ok := meanings[e.Code]
	if !ok {
		meaning = "unknown code"
	}
	return fmt.Sprintf("rsync ended with code %d (%q): %s", e.Code, meaning, e.Output)
}

// Vanished reports whether the only fault was that source files went away. rsync
// has a code for it, but not when one went while its attributes were read.
func (e *ExitError) Vanished() bool {
	return e.Code == codeVanished || e.Code == codePartial && e.onlyVanished
}

// OnlyRoot reports whether everything arrived but mode and times of the replica's
// root itself: in a pod without root it belongs to somebody else, and rsync cannot
// be told to leave it alone.
func (e *ExitError) OnlyRoot() bool { return e.Code == codePartial && e.onlyRoot }

// InTheWay reports whether something at the replica that may not be deleted is
// where the source has something else.
func (e *ExitError) InTheWay() bool {
	return e.Code == codePartial && strings.Contains(e.Output, "could not make way for")
}

// complaints reads what rsync says on standard error.
type complaints struct {
	tail process.Tail
	// all, vanished and root count complaints: those about source files that went
	// away, and those about the replica's root.
	all, vanished, root int
}

func (c *complaints) line(b []byte) {
	_, _ = c.tail.Write(append(b, '\n'))
	text := string(b)
	if strings.HasPrefix(text, "rsync error:") || strings.HasPrefix(text, "rsync warning:") {
		return // the summary of the others
	}
	c.all++
	if vanished(text) {
		c.vanished++
	}
	if rootAttributes.MatchString(text) {
		c.root++
	}
}

// rootAttributes is a receiver that may not set attributes of its root, whose name
// rsync gives with a dot at the end. No entry has such a name.
var rootAttributes = regexp.MustCompile(`^rsync: \[(generator|receiver)\] failed to set (times|permissions) on ".*/\.": Operation not permitted \(1\)$`)

// vanished reports whether a line says that an entry of the source went away. The
// source itself must not: rsync then sends nothing, with the same code.
func vanished(text string) bool {
	if strings.HasPrefix(text, "file has vanished:") {
		return true
	}
	return strings.HasPrefix(text, "rsync: [sender] ") && !strings.Contains(text, "change_dir") &&
		strings.Contains(text, "No such file or directory (2)")
}

func (c *complaints) only(kind int) bool { return c.all > 0 && kind == c.all }

// Permanent reports whether trying again cannot help: the two sides do not fit
// together, or the command is wrong.
func (e *ExitError) Permanent() bool {
	switch e.Code {
	case codeUsage, codeProtocol, codeUnsupported, codeRefused:
		return true
	}
	return false
}
