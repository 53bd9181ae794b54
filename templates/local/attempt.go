package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/process"
	"github.com/backube/scribe-gen/steps/contract"
)

// job is a step of a run with everything needed to try it.
type job struct {
	*run
	part Part
	step plan.Step
	*rendered
	// released reports whether the step was told to end because its work is done.
	released func() bool
	attempts int
	last     string // the last line that the step printed
}

// execute runs the step, again after failures that a retry may mend, and
// reports what became of it.
func (j *job) execute(ctx context.Context) error {
	start := time.Now()
	j.milestone(slog.LevelInfo, "started")
	err := j.retry(ctx)
	outcome := j.readOutcome()
	if err != nil && j.released() {
		err, outcome = nil, contract.Outcome{Step: outcome.Step, Outcome: contract.ResultDone, Run: outcome.Run}
	}
	report := StepReport{
		Site: j.part.Site.Name, Role: j.part.Pipeline.Role, Step: j.step.Name,
		Attempts: j.attempts, Duration: time.Since(start), Outcome: outcome,
	}
	switch cause := context.Cause(ctx); {
	case err == nil:
		j.milestone(slog.LevelInfo, doneText(outcome, report.Duration))
	case cause != nil:
		// What the step says of being told to end would hide why it was.
		report.Err = j.failure(fmt.Errorf("interrupted: %w", cause), contract.Outcome{})
		j.milestone(slog.LevelWarn, fmt.Sprintf("interrupted: %v", cause))
	default:
		report.Err = j.failure(err, outcome)
		j.milestone(slog.LevelError, report.Err.Error())
	}
	j.add(report)
	return report.Err
}

func doneText(o contract.Outcome, d time.Duration) string {
	text := fmt.Sprintf("done in %s", d.Round(time.Millisecond))
	if o.Reason != "" {
		text += ": " + o.Reason
	}
	return text
}

// retry tries the step until it succeeds, fails for good, or its retries or ctx
// end.
func (j *job) retry(ctx context.Context) error {
	policy := &backoff.ExponentialBackOff{
		InitialInterval: j.step.Retry.Backoff, MaxInterval: j.step.Retry.MaxBackoff, Multiplier: 2,
	}
	if policy.MaxInterval == 0 {
		policy.MaxInterval = policy.InitialInterval
	}
	try := func() (struct{}, error) {
		j.attempts++
		err := j.attempt(ctx)
		if err != nil && (ctx.Err() != nil || final(err)) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}
	_, err := backoff.Retry(ctx, try,
		backoff.WithBackOff(policy),
		backoff.WithMaxTries(uint(max(j.step.Retry.Limit, 0))+1),
		backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, wait time.Duration) {
			failure := j.failure(err, j.readOutcome())
			j.milestone(slog.LevelWarn, fmt.Sprintf("%v; trying again in %s", failure, wait.Round(time.Millisecond)))
		}))
	return err
}

// final reports whether another attempt cannot help: the step said so, or it
// cannot be started at all.
func final(err error) bool {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return slices.Contains(contract.NoRetry[:], exit.ExitCode())
	}
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission)
}

// attempt runs the step's process once.
func (j *job) attempt(ctx context.Context) error {
	if err := os.RemoveAll(filepath.Dir(j.outcome)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(filepath.Dir(j.outcome), "outputs"), 0o700); err != nil {
		return err
	}
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if j.step.Timeout > 0 {
		bounded, cancel = context.WithTimeout(ctx, j.step.Timeout)
	}
	defer cancel()

	output := &process.Lines{Each: j.print}
	cmd := exec.Command(filepath.Join(j.engine.opts.Steps, j.command.Program()), contract.Args(j.command)...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", contract.AttemptVariable, j.attempts), "TMPDIR="+j.dir)
	cmd.Stdout, cmd.Stderr = output, output
	err := process.Run(cmd, process.Options{Stop: bounded, Kill: j.engine.hard, Grace: j.engine.opts.Grace})
	output.Flush()
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return &timeoutError{j.step.Timeout}
	}
	return err
}

// timeoutError is an attempt that took too long. It does not hold the exit code:
// what a step says when it is interrupted is no reason against another attempt.
type timeoutError struct{ limit time.Duration }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("did not end within %s, the step's time limit", e.limit)
}

// print hands on a line of the step's output.
func (j *job) print(text []byte) {
	line, progress := parseLine(text)
	if progress != nil {
		progress.Site, progress.Role, progress.Step = j.part.Site.Name, j.part.Pipeline.Role, j.step.Name
		j.engine.opts.Reporter.Progress(*progress)
		return
	}
	j.last = line.Message
	// What a step says of being told to end is no news when its work is done.
	if !j.released() {
		j.send(*line)
	}
}

func (j *job) milestone(level slog.Level, message string) {
	j.send(Line{Time: time.Now(), Level: level, Message: message, Milestone: true})
}

func (j *job) send(line Line) {
	line.Site, line.Role, line.Step, line.Attempt = j.part.Site.Name, j.part.Pipeline.Role, j.step.Name, j.attempts
	j.engine.opts.Reporter.Line(line)
}

// readOutcome returns the step's last word; one that was killed has none.
func (j *job) readOutcome() contract.Outcome {
	var outcome contract.Outcome
	b, err := os.ReadFile(j.outcome)
	if err != nil || json.Unmarshal(b, &outcome) != nil {
		return contract.Outcome{}
	}
	return outcome
}

// failure says in one error what became of the step.
func (j *job) failure(err error, outcome contract.Outcome) *StepError {
	e := &StepError{
		Site: j.part.Site.Name, Role: j.part.Pipeline.Role, Step: j.step.Name,
		Exit: -1, Attempts: j.attempts, Reason: outcome.Reason,
	}
	var exit *exec.ExitError
	switch {
	case !errors.As(err, &exit):
		e.Err = err
	case exit.Exited():
		e.Exit = exit.ExitCode()
	default:
		e.Err = fmt.Errorf("ended by a signal: %s", exit.ProcessState)
	}
	if e.Reason == "" && exit != nil {
		e.Reason = j.last
	}
	return e
}
