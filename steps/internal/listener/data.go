package listener

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/backube/scribe-gen/process"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/link"
	"github.com/backube/scribe-gen/steps/internal/privilege"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/rsyncargs"
	"github.com/backube/scribe-gen/steps/internal/survey"
)

// data serves a data request of the current run.
func (c *conn) data(ctx context.Context, s *link.Session, request protocol.Request) error {
	r, err := c.l.runOf(s.Env[protocol.SessionVariable])
	if err != nil {
		return err
	}
	end, err := r.begin()
	if err != nil {
		return refuse(contract.RefusedFinished, "run %s %v", r.id, err)
	}
	defer end()
	c.belongsTo(r)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	defer close(ended)
	stop := context.AfterFunc(r.ctx, func() {
		cancel()
		c.evict(s, ended)
	})
	defer stop()
	if request.Verb == protocol.RequestSurvey {
		return c.survey(ctx, s, r)
	}
	return c.rsync(ctx, s, r, request.Args)
}

// rsync runs a receiver, once the state says so and links are as the last survey
// wants them.
func (c *conn) rsync(ctx context.Context, s *link.Session, r *run, args []string) error {
	args, err := rsyncargs.Receiver(args)
	if err != nil {
		return err
	}
	if !rsyncargs.DryRun(args) {
		mark := func(ctx context.Context) error { return c.l.Committer.Writing(ctx, r.id, r.at) }
		if err := r.write(ctx, mark); err != nil {
			return err
		}
	}
	s, leave, err := c.spread(ctx, s)
	if err != nil {
		return err
	}
	defer leave()
	return c.l.receive(ctx, s, args)
}

// survey answers a survey. What it found to mend waits for the first request
// that writes: the guard may still stop the run.
func (c *conn) survey(ctx context.Context, s *link.Session, r *run) error {
	repair, err := survey.Answer(ctx, c.l.Committer.Replica.Root, privilege.Keeps(), s.Stdin, s.Stdout)
	r.setRepair(repair)
	return err
}

// evictTime is how long a client may take to give up a data request that was
// stopped, before its connection is dropped.
const evictTime = 2 * time.Second

// evict frees a data request from a client that neither sends nor reads.
func (c *conn) evict(s *link.Session, ended <-chan struct{}) {
	s.Close()
	select {
	case <-ended:
	case <-time.After(evictTime):
		c.drop()
	}
}

// belongsTo notes that the connection serves the run, though it did not say
// hello.
func (c *conn) belongsTo(r *run) {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	if c.run == nil {
		c.run = r
	}
}

// runOf returns the run a data request belongs to: that of its session, or the
// current one when it names none.
func (l *Listener) runOf(session string) (*run, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.current == nil:
		return nil, refuse(contract.RefusedRequest, "no run is admitted: send \"scribe hello\" first")
	case session != "" && session != l.current.session:
		return nil, refuse(contract.RefusedFinished, "a newer attempt of run %s has taken over", l.current.id)
	}
	return l.current, nil
}

// receive runs rsync as a receiver of the replica. It returns when the process
// and all it forked have ended.
func (l *Listener) receive(ctx context.Context, s *link.Session, args []string) error {
	argv := slices.Concat(l.Receiver, args)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = l.Committer.Replica.Root
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.ExtraFiles = []*os.File{l.volume}
	cmd.Stderr = s.Stderr
	in, toChild, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("run %s: %w", argv[0], err)
	}
	fromChild, out, err := os.Pipe()
	if err != nil {
		_ = in.Close()
		_ = toChild.Close()
		return fmt.Errorf("run %s: %w", argv[0], err)
	}
	cmd.Stdin, cmd.Stdout = in, out
	err = process.Run(cmd, process.Options{Stop: ctx, Started: func() error {
		_ = in.Close()
		_ = out.Close()
		go feed(toChild, s.Stdin)
		return drain(s.Stdout, fromChild)
	}})
	_, _ = in.Close(), out.Close()        // again, for the case that it did not start
	_, _ = io.Copy(io.Discard, fromChild) // after a stop, too, until the last one has ended
	_, _ = toChild.Close(), fromChild.Close()
	if ctx.Err() != nil {
		return refuse(contract.RefusedFinished, "the transfer was stopped")
	}
	if err != nil {
		return fmt.Errorf("the receiving rsync failed: %w", err)
	}
	return nil
}

// feed copies what the client sends to rsync. It ends with the session.
func feed(toChild *os.File, from io.Reader) {
	process.Widen(toChild)
	_, _ = io.CopyBuffer(struct{ io.Writer }{toChild}, struct{ io.Reader }{from}, make([]byte, process.PipeSize))
	_ = toChild.Close()
}

// drain copies what rsync says to the client, until the last process that rsync
// forked has ended: that closes the pipe.
func drain(to io.Writer, fromChild *os.File) error {
	process.Widen(fromChild)
	_, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{fromChild}, make([]byte, process.PipeSize))
	return err
}
