package step

import (
	"errors"
	"fmt"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
)

type refusedError struct {
	code contract.Refusal
	err  error
}

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

// Refuse returns an error that ends the step with the exit code of the refusal.
// It takes what fmt.Errorf takes.
func Refuse(code contract.Refusal, format string, args ...any) error {
	return &refusedError{code: code, err: fmt.Errorf(format, args...)}
}

// Refusal returns the refusal behind err, or "".
func Refusal(err error) contract.Refusal {
	var refused *refusedError
	if errors.As(err, &refused) {
		return refused.code
	}
	return ""
}

type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// Usage returns an error for wrong arguments.
func Usage(format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...)}
}

// Code is the exit code for err.
func Code(err error) int {
	var (
		usage   *usageError
		refused *refusedError
	)
	switch {
	case err == nil:
		return contract.ExitDone
	case errors.As(err, &usage):
		return contract.ExitUsage
	case errors.As(err, &refused):
		return refused.code.ExitCode()
	default:
		return contract.ExitFailed
	}
}

// RunAt checks the --run-id and --recovery-point of a step that commits a run, and
// returns the recovery point.
func RunAt(run, recoveryPoint string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, recoveryPoint)
	if err != nil {
		return at, Usage("--recovery-point: %w", err)
	}
	if err := contract.CheckRunID(run); err != nil {
		return at, Usage("--run-id: %w", err)
	}
	return at, nil
}

// Require returns a usage error that names every flag without a value; flags are
// given as name, value, name, value.
func Require(nameValue ...string) error {
	var missing []error
	for i := 0; i+1 < len(nameValue); i += 2 {
		if nameValue[i+1] == "" {
			missing = append(missing, fmt.Errorf("--%s is required", nameValue[i]))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &usageError{err: errors.Join(missing...)}
}
