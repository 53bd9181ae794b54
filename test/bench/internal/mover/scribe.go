package mover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/bench/internal/link"
	"github.com/backube/scribe-gen/test/bench/internal/meter"
)

// Replica is the claim that scribe's destination receives into.
const Replica = "replica"

const (
	replication  = "bench"
	relationship = "bench-here"
)

// scribe is this project's rsync mover: its step binaries, as pods run them.
type scribe struct {
	// dir holds outcomes and the port file, site is the directory site.
	dir, program string
	site         contract.Layout
	// timeout bounds the waits of both steps.
	timeout time.Duration
	ends    ends
	runs    int
}

// NewScribe returns this project's rsync mover, run by the binary "rsync" in the
// directory steps. The site is the destination's directory; destinations of
// transfers are its claim [Replica]. Timeout bounds every wait of the steps.
func NewScribe(dir, steps, site string, timeout time.Duration) Contender {
	return &scribe{
		dir:     dir,
		program: filepath.Join(steps, contract.ProgramRsync),
		site:    contract.Layout{Directory: site},
		timeout: timeout,
	}
}

func (s *scribe) Name() string { return Scribe }

// Scribe is the name of this project's mover in tables.
const Scribe = "scribe"

// Prepare makes the keys.
func (s *scribe) Prepare(ctx context.Context) error {
	program, err := filepath.Abs(s.program)
	if err != nil {
		return err
	}
	if s.program, err = filepath.EvalSymlinks(program); err != nil {
		return fmt.Errorf("find the rsync step: %w; build it first or give --steps", err)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if s.ends, err = newEnds(filepath.Base(s.dir)); err != nil {
		return err
	}
	return s.run(ctx, s.ends.destination, &contract.RsyncKeys{
		Common:  s.common("keys"),
		Site:    contract.Site{Directory: s.site.Directory},
		Address: "127.0.0.1",
	})
}

// Sync starts a listener, waits until it listens, and measures the push.
func (s *scribe) Sync(ctx context.Context, job Job) (_ Measurement, err error) {
	s.runs++
	listener, err := s.listen(ctx, job)
	if err != nil {
		return Measurement{}, err
	}
	defer func() { err = errors.Join(err, listener.stop()) }()
	route, err := job.Link.Open(listener.addr)
	if err != nil {
		return Measurement{}, err
	}
	defer func() { err = errors.Join(err, route.Close()) }()
	return s.push(ctx, job, listener, route)
}

// push sends the source and waits for both ends, so that the listener's last CPU
// time counts; the wall time ends with the push, which by then has the answer to
// its commit.
func (s *scribe) push(ctx context.Context, job Job, l *listener, route link.Route) (Measurement, error) {
	port, err := port(route.Addr())
	if err != nil {
		return Measurement{}, err
	}
	m, err := s.ends.begin(route)
	if err != nil {
		return Measurement{}, err
	}
	m.before.destination = l.before
	if err := m.time(func() error {
		return s.run(ctx, s.ends.source, &contract.RsyncPush{
			Common:         s.common("push"),
			Guard:          contract.Guard{AllowEmptySource: true},
			Root:           job.Source,
			RecoveryPoint:  time.Now().UTC().Format(time.RFC3339Nano),
			Keys:           s.site.Secret(contract.PushSecret(relationship)),
			Address:        "127.0.0.1",
			Port:           port,
			ConnectTimeout: s.timeout,
			CommitTimeout:  s.timeout,
		})
	}); err != nil {
		return Measurement{}, errors.Join(err, l.reason(s))
	}
	if err := l.wait(); err != nil {
		return Measurement{}, err
	}
	return m.end()
}

// run runs a step in group. An error tells the outcome it reported.
func (s *scribe) run(ctx context.Context, group *meter.Group, c contract.Command) error {
	if err := run(group, exec.CommandContext(ctx, s.program, contract.Args(c)...)); err != nil {
		return errors.Join(err, s.reason(c.Verb()))
	}
	return nil
}

// common is what every step takes; each verb reports to a file of its own.
func (s *scribe) common(verb string) contract.Common {
	return contract.Common{
		Replication:     replication,
		Relationship:    relationship,
		Run:             "bench-" + strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(s.runs),
		TerminationFile: s.outcomeFile(verb),
	}
}

func (s *scribe) outcomeFile(verb string) string {
	return filepath.Join(s.dir, verb+"-outcome.json")
}

// reason is the outcome a step reported, as an error; nil when it left none.
func (s *scribe) reason(verb string) error {
	data, err := os.ReadFile(s.outcomeFile(verb))
	if err != nil {
		return nil // it ended before it could say anything; its stderr is all there is
	}
	var outcome contract.Outcome
	if err := json.Unmarshal(data, &outcome); err != nil {
		return fmt.Errorf("rsync %s: outcome: %w", verb, err)
	}
	return fmt.Errorf("rsync %s: %s: %s", verb, outcome.Outcome, outcome.Reason)
}

func (s *scribe) Close() error { return s.ends.close() }
