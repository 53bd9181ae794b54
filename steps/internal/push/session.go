package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/crypto/ssh"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/link"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// session is a connection to a listener that has admitted the run.
type session struct {
	client  *link.Client
	welcome protocol.Welcome
}

// connect dials and says hello until a listener admits the run, refuses it for
// good, or the time is over.
func connect(ctx context.Context, log *slog.Logger, target link.Target, hello protocol.Hello, timeout time.Duration) (*session, error) {
	began := time.Now()
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 100*time.Millisecond, 5*time.Second
	s, err := backoff.Retry(ctx, func() (*session, error) {
		s, err := greet(ctx, target, hello)
		if err == nil || step.Code(err) != contract.ExitFailed {
			return s, permanent(err)
		}
		return nil, err
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(timeout), backoff.WithNotify(func(err error, next time.Duration) {
		log.Info("waiting for the listener", "address", target.Address, "error", err.Error(), "waited", time.Since(began).Round(time.Millisecond).String(), "next", next.Round(time.Millisecond).String())
	}))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("reach the listener at %s: %w", target.Address, err)
	case err != nil && step.Code(err) == contract.ExitFailed:
		return nil, fmt.Errorf("reach the listener at %s: not within %s (--connect-timeout): %w", target.Address, timeout, err)
	}
	return s, err
}

func permanent(err error) error {
	if err == nil {
		return nil
	}
	return backoff.Permanent(err)
}

func greet(ctx context.Context, target link.Target, hello protocol.Hello) (*session, error) {
	client, err := link.Dial(ctx, target)
	switch {
	case errors.Is(err, link.ErrHostKey), errors.Is(err, link.ErrClientKey):
		return nil, step.Refuse(contract.RefusedKey, "connect to the listener: %w; if keys were made anew, run scribe-gen connect", err)
	case err != nil:
		return nil, err
	}
	s := &session{client: client}
	if err := s.ask(ctx, "hello", hello, &s.welcome); err != nil {
		_ = client.Close()
		return nil, err
	}
	return s, nil
}

// ask sends a request and decodes its answer. A refusal is an error with its
// exit code.
func (s *session) ask(ctx context.Context, verb string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	var out, errs bytes.Buffer
	err = s.client.Stream(ctx, "scribe "+verb+" "+string(body), nil, bytes.NewReader(nil), &out, &errs)
	var exit *ssh.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("ask for %s: %w", verb, err)
	}
	var no protocol.Answer
	if jerr := json.Unmarshal(out.Bytes(), &no); jerr != nil {
		return fmt.Errorf("ask for %s: an answer that is no JSON (%w): %s", verb, jerr, errs.String())
	}
	if no.Refused == nil && err == nil {
		return json.Unmarshal(out.Bytes(), answer)
	}
	return refused(verb, no.Refused)
}

func refused(verb string, no *protocol.Refused) error {
	switch {
	case no == nil:
		return fmt.Errorf("%s failed at the listener", verb)
	case no.Code == "":
		return fmt.Errorf("%s failed at the listener: %w", verb, no)
	}
	return step.Refuse(no.Code, "the listener refused %s (%s): %w", verb, no.Code, no)
}

func (s *session) close() { _ = s.client.Close() }
