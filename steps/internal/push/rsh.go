package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

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
	env := map[string]string{}
	if s.Session != "" {
		env[protocol.SessionVariable] = s.Session
	}
	err = client.Stream(ctx, strings.Join(args[1:], " "), env, in, out, errs)
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
