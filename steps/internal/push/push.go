// Package push sends a source to a listener and commits: the logic of "rsync
// push". What is sent and how is package transfer's, SSH is package link's.
package push

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/link"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/transfer"
)

// Defaults of durations that are not given.
const (
	defaultConnectTimeout = 10 * time.Minute
	defaultCommitTimeout  = 15 * time.Minute
)

// pusher is one push.
type pusher struct {
	*contract.RsyncPush
	place  Place
	target link.Target
	at     time.Time
	log    *slog.Logger
	self   string
}

// Run pushes the source. Self is the path of this binary, which rsync starts as
// its remote shell.
func Run(ctx context.Context, env *step.Env, args *contract.RsyncPush, self string) (contract.Outcome, error) {
	p, err := newPusher(env, args, self)
	if err != nil {
		return contract.Outcome{}, err
	}
	if p.RemotePath != "" {
		return p.plain(ctx, env)
	}
	return p.replicate(ctx, env)
}

func newPusher(env *step.Env, args *contract.RsyncPush, self string) (*pusher, error) {
	p := &pusher{RsyncPush: args, log: env.Log, self: self}
	if p.ConnectTimeout <= 0 {
		p.ConnectTimeout = defaultConnectTimeout
	}
	if p.CommitTimeout <= 0 {
		p.CommitTimeout = defaultCommitTimeout
	}
	required := []string{"root", p.Root, "keys", p.Keys}
	if p.RemotePath == "" {
		required = append(required, "relationship", p.Relationship, "run-id", p.Run, "recovery-point", p.RecoveryPoint)
	}
	if err := step.Require(required...); err != nil {
		return nil, err
	}
	if p.RemotePath == "" {
		var err error
		if p.at, err = step.RunAt(p.Run, p.RecoveryPoint); err != nil {
			return nil, err
		}
	}
	p.place = Place{Keys: p.Keys, Address: p.Address, Port: p.Port, User: p.User}
	var err error
	p.target, err = p.place.Target()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, step.Refuse(contract.RefusedKey, "%w", err)
	}
	return p, err
}

// attempts is how often a push starts again within one process when the listener
// goes away between the end of the data and the answer to its commit.
const attempts = 3

// replicate sends the source to a listener and commits.
func (p *pusher) replicate(ctx context.Context, env *step.Env) (contract.Outcome, error) {
	for n := 1; ; n++ {
		out, err := p.attempt(ctx, env)
		if !errors.Is(err, errCommitLost) || n == attempts || ctx.Err() != nil {
			return out, err
		}
		p.log.Warn("the answer to the commit was lost: asking again", "error", err.Error())
	}
}

var errCommitLost = errors.New("the connection broke before the commit was answered")

func (p *pusher) attempt(ctx context.Context, env *step.Env) (contract.Outcome, error) {
	hello := protocol.Hello{Protocol: protocol.Version, Relationship: p.Relationship, Run: p.Run, RecoveryPoint: p.at}
	s, err := connect(ctx, p.log, p.target, hello, p.ConnectTimeout)
	if err != nil {
		return contract.Outcome{}, err
	}
	defer s.close()
	if done := s.welcome.Committed; done != nil {
		p.done(ctx, s)
		return done.Outcome("the run was committed before"), nil
	}
	report, err := p.send(ctx, env, s)
	if err != nil {
		return report.Outcome(), p.explain(ctx, s, hello, err)
	}
	done, err := p.commit(ctx, s, report)
	if err != nil {
		return report.Outcome(), err
	}
	report.Acknowledge(env.Log)
	p.done(ctx, s)
	return report.Committed(done), nil
}

// done lets the listener end. The run is committed: a listener that cannot be
// told waits for its grace period, and nothing is lost.
func (p *pusher) done(ctx context.Context, s *session) {
	if !slices.Contains(s.welcome.Requests, protocol.RequestDone) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	if err := s.ask(ctx, protocol.RequestDone, protocol.Done{Run: p.Run}, &struct{}{}); err != nil {
		p.log.Debug("the listener could not be told that its answer arrived", "error", err.Error())
	}
}

// explainTimeout bounds a last request to a listener that may be gone.
const explainTimeout = 10 * time.Second

// explain finds out why a transfer failed. A failure for good ends the run at
// the listener, too, which would else wait for a retry.
func (p *pusher) explain(ctx context.Context, s *session, hello protocol.Hello, err error) error {
	if ctx.Err() != nil { // this push was told to end
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	if step.Code(err) != contract.ExitFailed {
		abort := protocol.Abort{Run: p.Run, Reason: err.Error()}
		if aerr := s.ask(ctx, "abort", abort, &struct{}{}); aerr != nil {
			p.log.Warn("the listener could not be told", "error", aerr.Error())
		}
		return err
	}
	// On a new connection: the listener drops those that do not follow when it
	// stops a run.
	again, herr := greet(ctx, p.target, hello)
	if herr == nil {
		again.close()
	}
	if step.Code(herr) == contract.ExitRefused {
		return herr
	}
	return err
}

// commit asks for the recovery point. It may take as long as the snapshot does.
func (p *pusher) commit(ctx context.Context, s *session, report transfer.Report) (protocol.Committed, error) {
	totals := report.Totals
	totals.Wire += s.client.Bytes()
	ctx, cancel := context.WithTimeoutCause(ctx, p.CommitTimeout, fmt.Errorf("no answer within %s (--commit-timeout)", p.CommitTimeout))
	defer cancel()
	var done protocol.Committed
	err := s.ask(ctx, "commit", protocol.Commit{Run: p.Run, RecoveryPoint: p.at, Totals: totals, Digest: report.Digest}, &done)
	var no *protocol.Refused
	if err != nil && !errors.As(err, &no) && ctx.Err() == nil {
		return done, fmt.Errorf("%w: %w", errCommitLost, err)
	}
	return done, err
}

// transferrer is the part of a transfer that every kind of push shares.
func (p *pusher) transferrer(env *step.Env, place transfer.Place) (*transfer.Transfer, error) {
	return transfer.New(env, p.Transfer, p.Guard, p.Root, place)
}
