package remote

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
)

// teller reports what changed between two looks at a run.
type teller struct {
	pipeline *Pipeline
	seen     map[string]Step
	waiting  string
}

func (t *teller) tell(run Run) {
	p := t.pipeline
	for _, s := range run.Steps {
		t.step(s)
		t.seen[s.Name] = s
	}
	if waiting := run.Waiting(); waiting != t.waiting {
		t.waiting = waiting
		if waiting != "" {
			p.say(slog.LevelWarn, "", "waits: "+waiting)
		}
	}
}

func (t *teller) step(s Step) {
	p, before := t.pipeline, t.seen[s.Name]
	if before.Name == "" {
		p.say(slog.LevelInfo, s.Name, "started")
	}
	if s.Attempts > before.Attempts && before.Attempts > 0 {
		p.say(slog.LevelWarn, s.Name, fmt.Sprintf("attempt %d; the last one: %s", s.Attempts, orText(before.Message, "no message")))
	}
	if s.Total > 0 && (s.Done != before.Done || s.Total != before.Total) && !s.Phase.Ended() {
		p.Reporter.Progress(local.Progress{Site: p.Session.Site, Role: p.Role, Step: s.Name, Bytes: s.Done, Total: s.Total})
	}
	switch {
	case !s.Phase.Ended() || before.Phase.Ended():
	case s.Phase == Failed:
		p.say(slog.LevelError, s.Name, p.stepError(s).Error())
	default:
		p.say(slog.LevelInfo, s.Name, doneText(s))
	}
}

func doneText(s Step) string {
	text := fmt.Sprintf("done in %s", s.Finished.Sub(s.Started).Round(time.Millisecond))
	if s.Outcome != nil && s.Outcome.Reason != "" && s.Outcome.Outcome != contract.ResultFailed {
		text += ": " + s.Outcome.Reason
	}
	return text
}
