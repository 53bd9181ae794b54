package s3

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/backube/scribe-gen/process"
)

const (
	// startWithin is how long a program may take to serve its buckets, also
	// on a machine that compiles at the same time.
	startWithin = time.Minute
	// attempts is how many ports are tried, since one that was free may be
	// taken before the program listens.
	attempts = 3
	poll     = 20 * time.Millisecond
)

// A program is a server that runs as a process of its own, by the command that
// the function returns.
type program func(*Server, address) command

// errEnded is the cause when a program ended by itself before it was ready.
var errEnded = errors.New("it ended")

func (p program) launch(ctx context.Context, s *Server, a address, ready func(context.Context) error) error {
	path, err := Program(ctx, s.Kind)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.attributes(), 0o755); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		err = p.attempt(ctx, path, s, a, ready)
		if !errors.Is(err, errEnded) || !a.free() || attempt == attempts {
			return err
		}
	}
}

// attempt runs the program and waits until it is ready or has ended.
func (p program) attempt(ctx context.Context, path string, s *Server, a address, ready func(context.Context) error) error {
	a, err := a.chosen(ctx)
	if err != nil {
		return err
	}
	s.Endpoint = a.endpoint(s.TLS())
	c := p(s, a)
	cmd := exec.Command(path, c.args...)
	cmd.Dir = s.Directory
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.Directory}, c.env...)
	ended, err := s.run(ctx, cmd)
	if err != nil {
		return err
	}
	if err := await(ctx, ended, ready); err != nil {
		_ = s.stop()
		return fmt.Errorf("%w\nend of %s:\n%s", err, s.log(), s.tail())
	}
	return nil
}

// run starts the command with its output in the log. What it returns is closed
// when the command has ended.
func (s *Server) run(ctx context.Context, cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer log.Close()
		if err := process.Run(cmd, process.Options{Stop: running}); err != nil {
			fmt.Fprintln(log, err)
		}
	}()
	s.stop = func() error {
		stop()
		<-done
		return nil
	}
	return done, nil
}

// await tries ready until it succeeds, the program has ended, or it takes too
// long.
func await(ctx context.Context, ended <-chan struct{}, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("not ready after %s", startWithin))
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("%w: last answer: %w", context.Cause(ctx), err)
		case <-time.After(poll):
		}
	}
}

// tail returns the end of the log.
func (s *Server) tail() string {
	content, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	tail := &process.Tail{Limit: 4 << 10}
	_, _ = tail.Write(content)
	return "  " + strings.ReplaceAll(tail.String(), "\n", "\n  ")
}

// attributes is where Versity keeps the attributes of objects.
func (s *Server) attributes() string { return filepath.Join(s.Directory, "attributes") }
