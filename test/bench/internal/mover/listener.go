package mover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
)

// listener is a running `rsync listen`.
type listener struct {
	cmd    *exec.Cmd
	stderr output
	ended  chan error
	// addr is where it listens.
	addr string
	// before is the CPU time of the destination when it was started.
	before time.Duration
}

// listen starts a listener on a free port and waits until it is bound.
func (s *scribe) listen(ctx context.Context, job Job) (*listener, error) {
	before, err := s.ends.destination.CPU()
	if err != nil {
		return nil, err
	}
	portFile := filepath.Join(s.dir, "port")
	if err := os.Remove(portFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	args := contract.Args(&contract.RsyncListen{
		Common:   s.common("listen"),
		Site:     contract.Site{Directory: s.site.Directory},
		Replica:  contract.Replica{Claim: Replica, Root: job.Destination, CopyMethod: "Direct"},
		Keys:     s.site.Secret(contract.ListenerSecret(relationship)),
		Listen:   "127.0.0.1:0",
		PortFile: portFile,
		Window:   s.timeout,
		Grace:    settle,
	})
	l := &listener{cmd: exec.CommandContext(ctx, s.program, args...), ended: make(chan error, 1), before: before}
	l.cmd.Stderr = &l.stderr
	if err := s.ends.destination.Start(l.cmd); err != nil {
		return nil, err
	}
	go func() { l.ended <- l.cmd.Wait() }()
	if l.addr, err = l.await(portFile, s.timeout); err != nil {
		return nil, errors.Join(err, l.stop(), s.reason("listen"))
	}
	return l, nil
}

// await waits for the port file.
func (l *listener) await(file string, timeout time.Duration) (string, error) {
	deadline := time.After(timeout)
	for {
		if text, err := os.ReadFile(file); err == nil && len(text) > 0 {
			return net.JoinHostPort("127.0.0.1", strings.TrimSpace(string(text))), nil
		}
		select {
		case err := <-l.ended:
			l.ended <- err
			return "", failed(l.cmd, fmt.Errorf("ended before it listened: %w", err), &l.stderr)
		case <-deadline:
			return "", fmt.Errorf("the listener did not write %s within %s; see --timeout", file, timeout)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// wait waits for the orderly end of a listener that has committed.
func (l *listener) wait() error {
	err := <-l.ended
	l.ended <- err
	if err != nil {
		return failed(l.cmd, err, &l.stderr)
	}
	return nil
}

// stop ends the listener if it still runs.
func (l *listener) stop() error {
	select {
	case err := <-l.ended:
		l.ended <- err
		return nil
	default:
	}
	if err := syscall.Kill(-l.cmd.Process.Pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end the listener: %w", err)
	}
	select {
	case err := <-l.ended:
		l.ended <- err
	case <-time.After(settle * 50):
		l.cmd.Process.Kill()
		l.ended <- <-l.ended
	}
	return nil
}

// reason is why a push may have failed, as the listener saw it.
func (l *listener) reason(s *scribe) error {
	if err := l.stop(); err != nil {
		return err
	}
	if text := l.stderr.String(); text != "" {
		return fmt.Errorf("the listener said: %s", text)
	}
	return s.reason("listen")
}
