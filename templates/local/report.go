package local

import (
	"fmt"
	"log/slog"
	"time"
)

// Reporter hears what happens during a run, from several goroutines at once.
type Reporter interface {
	// Line is called for each line a step logs and for each milestone.
	Line(Line)
	// Progress is called whenever a mover tells how far it is.
	Progress(Progress)
}

// Line is one thing that happened.
type Line struct {
	Time             time.Time
	Site, Role, Step string
	Attempt          int
	Level            slog.Level
	// Milestone is set on what the engine itself reports: that a step began,
	// ended or will be tried again.
	Milestone bool
	// Last is set on the line in which a step says why it fails. The milestone
	// that follows tells the same.
	Last    bool
	Message string
	// Attrs are what the step logged besides, as "key=value", sorted.
	Attrs []string
}

// Progress is how far a mover is.
type Progress struct {
	Site, Role, Step string
	// Bytes and Files are done, of Total and Entries.
	Bytes, Total, Files, Entries int64
	// Rate is in bytes per second.
	Rate float64
}

type silent struct{}

func (silent) Line(Line)         {}
func (silent) Progress(Progress) {}

// StepError is a step that failed after its last attempt.
type StepError struct {
	Site, Role, Step string
	// Exit is the exit code of the last attempt; -1 when a signal or its timeout
	// ended it.
	Exit     int
	Attempts int
	// Reason is the step's own, or its last line of output.
	Reason string
	// Err is what the engine knows besides: that the step was interrupted, did
	// not end in time or could not be started.
	Err error
}

func (e *StepError) Error() string {
	text := fmt.Sprintf("%s pipeline at site %s: step %s", e.Role, e.Site, e.Step)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	} else {
		text += fmt.Sprintf(" failed with exit code %d", e.Exit)
	}
	if e.Attempts > 1 {
		text += fmt.Sprintf(" after %d attempts", e.Attempts)
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Unwrap returns what the engine knows besides the exit code.
func (e *StepError) Unwrap() error { return e.Err }
