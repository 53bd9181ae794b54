package link

import (
	"context"
	"io"

	"golang.org/x/crypto/ssh"
)

// Session is one exec request.
type Session struct {
	// Command is what the client asked for, as it came.
	Command string
	// Env are the variables that came before it.
	Env map[string]string
	// Stdin, Stdout and Stderr are the client's.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Close asks the client to end the session; reads and writes return once its
	// side of SSH has answered, which a client that does nothing else does, too.
	Close func()
}

// envLimit is how many bytes of variables a session may send.
const envLimit = 4 << 10

// session waits for the one exec request of a session channel. Everything else a
// client may ask for (a shell, a terminal, a subsystem, agent or X11
// forwarding) is refused.
func (s *Server) session(ctx context.Context, peer string, ch ssh.Channel, reqs <-chan *ssh.Request, h Handler) {
	defer func() { _ = ch.Close() }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	env, size := map[string]string{}, 0
	for r := range reqs {
		switch r.Type {
		case "env":
			var v struct{ Name, Value string }
			size += len(r.Payload)
			ok := ssh.Unmarshal(r.Payload, &v) == nil && size <= envLimit
			if ok {
				env[v.Name] = v.Value
			}
			_ = r.Reply(ok, nil)
		case "exec":
			var v struct{ Command string }
			if ssh.Unmarshal(r.Payload, &v) != nil {
				_ = r.Reply(false, nil)
				return
			}
			_ = r.Reply(true, nil)
			go func() { // the channel ended: so does the command
				for r := range reqs {
					_ = r.Reply(false, nil)
				}
				cancel()
			}()
			status := h.Exec(ctx, &Session{Command: v.Command, Env: env, Stdin: ch, Stdout: ch, Stderr: ch.Stderr(), Close: func() { _ = ch.Close() }})
			_ = ch.CloseWrite()
			_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
			return
		default:
			s.Log.Warn("refused a request", "peer", peer, "type", r.Type)
			_ = r.Reply(false, nil)
			if r.Type == "shell" || r.Type == "subsystem" {
				_, _ = io.WriteString(ch.Stderr(), "scribe: no "+r.Type+" here: only scribe hello|survey|lane|commit|done|abort and rsync --server are allowed\r\n")
				return
			}
		}
	}
}
