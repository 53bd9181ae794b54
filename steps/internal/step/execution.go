package step

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
)

// execution is a verb under way, from its arguments to its exit code.
type execution struct {
	verb    Verb
	env     *Env
	name    string
	common  contract.Common
	retries retries
	number  int // of the attempt; 0 where it is not known
}

// execute runs a verb: once, or as often as the environment says.
func (p Program) execute(ctx context.Context, v Verb, env *Env) int {
	e := &execution{verb: v, env: env, name: stepName(v.Command), common: commonOf(v.Command)}
	e.number, _ = strconv.Atoi(env.Getenv(contract.AttemptVariable))
	env.Log = newLogger(env, e.name, e.common, env.Getenv(contract.AttemptVariable))
	var err error
	if e.retries, err = retriesFrom(env.Getenv); err != nil {
		return e.end(ctx, contract.Outcome{}, err)
	}
	was := p.earlier(ctx, env)
	if was.Pod != "" {
		return e.endAs(was)
	}
	if e.retries.own {
		e.number = max(e.number, 1) + was.Attempts
	}
	return e.attempts(ctx)
}

// attempts makes attempts until one succeeds, fails for good, or is the last. Each
// begins with the arguments as they were parsed.
func (e *execution) attempts(ctx context.Context) int {
	arguments := reflect.ValueOf(e.verb.Command).Elem()
	parsed := reflect.New(arguments.Type()).Elem()
	parsed.Set(arguments)
	for ; ; e.number++ {
		if e.retries.own {
			env := *e.env // the last attempt's may still be in use
			env.Log = newLogger(e.env, e.name, e.common, strconv.Itoa(e.number))
			e.env = &env
		}
		arguments.Set(parsed)
		out, err := e.attempt(ctx)
		wait, again := e.retries.after(Code(err))
		if !again || ctx.Err() != nil {
			return e.end(ctx, out, err)
		}
		if !e.verb.OnlyFailure {
			e.write(describe(out, err, contract.ExitFailed))
		}
		e.env.Log.Warn("the attempt failed; trying again after a pause", "error", err.Error(), "code", string(Refusal(err)), "pause", wait.String())
		select {
		case <-ctx.Done():
			return e.end(ctx, out, fmt.Errorf("%w while waiting for the next attempt; the last one failed: %w", context.Cause(ctx), err))
		case <-time.After(wait):
		}
	}
}

// attempt runs the verb once. What it left running ends with its context.
func (e *execution) attempt(ctx context.Context) (contract.Outcome, error) {
	ctx, cancel := e.retries.limit(ctx)
	defer cancel()
	start := time.Now()
	out, err := e.verb.Run(ctx, e.env)
	if tooLong := (*attemptTimeout)(nil); err != nil && errors.As(context.Cause(ctx), &tooLong) {
		err = fmt.Errorf("%w: %w", tooLong, err)
	}
	out.Step, out.Run, out.Seconds = e.name, e.common.Run, time.Since(start).Seconds()
	if e.retries.own {
		out.Attempt = e.number
	}
	return out, err
}

// end reports the end of the step and returns its exit code.
func (e *execution) end(ctx context.Context, out contract.Outcome, err error) int {
	code := Code(err)
	if signalled, is := exitOfSignal(ctx); is && e.retries.own && code == contract.ExitFailed {
		code = signalled
	}
	out.Step, out.Run = e.name, e.common.Run
	out = describe(out, err, code)
	if err != nil || !e.verb.OnlyFailure {
		e.write(out)
	}
	if err != nil {
		e.env.Log.Error("failed", "error", err.Error(), "exit", code, "code", string(out.Code))
		return code
	}
	e.env.Log.Info("done", "outcome", string(out.Outcome), "reason", out.Reason, "seconds", out.Seconds)
	return code
}

func (e *execution) write(out contract.Outcome) {
	if err := writeTermination(e.common.TerminationFile, out); err != nil {
		e.env.Log.Warn("the outcome could not be written", "error", err)
	}
}

// describe fills in how the step, or an attempt, ended.
func describe(out contract.Outcome, err error, code int) contract.Outcome {
	if err != nil {
		out.Outcome, out.Code, out.Reason = resultOf(code), Refusal(err), err.Error()
	} else if out.Outcome == "" {
		out.Outcome = contract.ResultDone
	}
	return out
}

// resultOf is the result that goes with the exit code of a failure.
func resultOf(code int) contract.Result {
	if slices.Contains(contract.NoRetry[:], code) {
		return contract.ResultRefused
	}
	return contract.ResultFailed
}
