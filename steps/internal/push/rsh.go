package push

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"github.com/backube/scribe-gen/steps/internal/lanes"
	"github.com/backube/scribe-gen/steps/internal/link"
	"github.com/backube/scribe-gen/steps/internal/protocol"
)

// RemoteShellVerb is the hidden first argument with which the step binary
// becomes the remote shell that rsync starts.
const RemoteShellVerb = "rsh"

// shellVariable carries the shell's settings, as rsync has no arguments for
// them.
const shellVariable = "SCRIBE_RSH"

// shellExit is what ssh exits with when the connection fails.
const shellExit = 255

// shell is the settings of one remote shell.
type shell struct {
	Place   Place  `json:"place"`
	Session string `json:"session,omitempty"`
	// Lanes is the number of channels to spread the data over.
	Lanes int `json:"lanes,omitempty"`
	// WireFile receives the number of bytes that crossed the connection.
	WireFile string `json:"wireFile"`
}

// RemoteShell connects standard input and output with the command in args (after
// the host, as rsync gives them) at the other side, and returns its exit status.
func RemoteShell(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	status, err := remoteShell(ctx, args, in, out, errs)
	if err != nil {
		_, _ = fmt.Fprintf(errs, "scribe: %v\n", err)
	}
	return status
}

func remoteShell(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) (int, error) {
	var s shell
	if err := json.Unmarshal([]byte(os.Getenv(shellVariable)), &s); err != nil {
		return shellExit, fmt.Errorf("%s: %w", shellVariable, err)
	}
	if len(args) < 2 {
		return shellExit, errors.New("a host and a command are needed")
	}
	target, err := s.Place.Target()
	if err != nil {
		return shellExit, err
	}
	client, err := link.Dial(ctx, target)
	if err != nil {
		return shellExit, err
	}
	command := strings.Join(args[1:], " ")
	if s.Lanes > 1 {
		err = s.spread(ctx, client, command, in, out, errs)
	} else {
		err = client.Stream(ctx, command, s.env(), in, out, errs)
	}
	_ = os.WriteFile(s.WireFile, []byte(strconv.FormatInt(client.Bytes(), 10)), 0o600)
	_ = client.Close()
	var exit *ssh.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitStatus(), nil
	case err != nil:
		return shellExit, err
	}
	return 0, nil
}

func (s *shell) env() map[string]string {
	if s.Session == "" { // an ordinary SSH server takes no variables
		return nil
	}
	return map[string]string{protocol.SessionVariable: s.Session}
}

// spread runs the command with its stream over several channels. They are opened
// at the same time: one after the other, on a link that needs them, would cost
// more than they save.
func (s *shell) spread(ctx context.Context, client *link.Client, command string, in io.Reader, out, errs io.Writer) error {
	channels, err := s.open(client, command, errs)
	for _, c := range channels {
		if c != nil {
			defer c.Close()
		}
	}
	if err != nil {
		return err
	}
	ins, outs := make([]io.Writer, s.Lanes), make([]io.Reader, s.Lanes)
	for i, c := range channels {
		ins[i], outs[i] = c.Stdin, c.Stdout
	}
	return channels[0].Relay(ctx, link.Pipe{In: lanes.NewWriter(ins), Out: lanes.NewReader(outs)}, in, out)
}

// open starts the command as the first lane, and the others beside it.
func (s *shell) open(client *link.Client, command string, errs io.Writer) ([]*link.Exec, error) {
	id := rand.Text()
	channels := make([]*link.Exec, s.Lanes)
	var g errgroup.Group
	for i := range channels {
		g.Go(func() error {
			lane, err := json.Marshal(protocol.Lane{ID: id, Index: i, Count: s.Lanes})
			if err != nil {
				return err
			}
			if i > 0 {
				channels[i], err = client.Start("scribe lane "+string(lane), nil, errs)
				return err
			}
			env := s.env()
			env[protocol.LanesVariable] = string(lane)
			channels[i], err = client.Start(command, env, errs)
			return err
		})
	}
	return channels, g.Wait()
}
