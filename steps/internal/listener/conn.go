package listener

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/link"
	"github.com/backube/scribe-gen/steps/internal/protocol"
)

// conn is one client's connection.
type conn struct {
	l    *Listener
	peer link.Peer
	drop func()
	run  *run // guarded by l.mu; the run that its hello was admitted for
	lots lots
}

func (l *Listener) connected(peer link.Peer, drop func()) link.Handler {
	c := &conn{l: l, peer: peer, drop: drop}
	l.mu.Lock()
	l.conns[c] = struct{}{}
	l.mu.Unlock()
	return c
}

// Closed forgets the connection; the last one after the window ends the
// listener.
func (c *conn) Closed() {
	c.l.mu.Lock()
	delete(c.l.conns, c)
	c.l.mu.Unlock()
	c.l.endIfIdle()
}

// Exec answers one request.
func (c *conn) Exec(ctx context.Context, s *link.Session) link.ExitStatus {
	request, err := protocol.ParseRequest(s.Command)
	if err == nil {
		switch request.Verb {
		case "hello":
			return c.answer(s, request, c.hello(ctx, request))
		case "commit":
			return c.answer(s, request, c.commit(request))
		case protocol.RequestDone:
			return c.answer(s, request, c.done(request))
		case "abort":
			return c.answer(s, request, c.abort(request))
		case protocol.RequestLane:
			err = c.lane(ctx, s, request)
		default:
			err = c.data(ctx, s, request)
		}
	}
	return c.ended(s, request, err)
}

// reply is a request's answer or its error.
type reply struct {
	answer any
	err    error
}

// answer writes a reply as JSON on standard output.
func (c *conn) answer(s *link.Session, request protocol.Request, r reply) link.ExitStatus {
	var body any = r.answer
	if r.err != nil {
		body = protocol.Answer{Refused: refusal(r.err)}
	}
	line, err := json.Marshal(body)
	if err != nil {
		r.err = errors.Join(r.err, err)
	}
	_, _ = s.Stdout.Write(append(line, '\n'))
	return c.ended(s, request, r.err)
}

// ended logs what failed, tells a person on standard error, and chooses the exit
// status.
func (c *conn) ended(s *link.Session, request protocol.Request, err error) link.ExitStatus {
	if err == nil {
		return link.ExitStatus(contract.ExitDone)
	}
	r := refusal(err)
	c.l.Log.Warn("refused or failed", "peer", c.peer.Address, "request", request.Verb, "code", string(r.Code), "error", r.Message)
	var exit *exec.ExitError
	ownWords := errors.As(err, &exit) && exit.Exited() // rsync has said why itself
	if !ownWords {
		_, _ = io.WriteString(s.Stderr, "scribe: "+r.Message+"\n")
	}
	switch {
	case ownWords:
		return link.ExitStatus(exit.ExitCode()) // the receiving rsync's, which the sending one interprets
	case request.Verb == protocol.RequestRsync && (r.Code == "" || r.Code.Retryable()):
		return shellFailed // 1 would tell the sending rsync that its command is wrong
	case r.Code == "":
		return link.ExitStatus(contract.ExitFailed)
	}
	return link.ExitStatus(r.Code.ExitCode())
}

// shellFailed is what a remote shell exits with when it fails itself.
const shellFailed = 255

// refusal is err as the other side sees it. Failures that are no refusals have
// no code, and may be retried.
func refusal(err error) *protocol.Refused {
	var r *protocol.Refused
	if errors.As(err, &r) {
		return r
	}
	return &protocol.Refused{Message: err.Error()}
}

func refuse(code contract.Refusal, format string, args ...any) error {
	return &protocol.Refused{Code: code, Message: fmt.Sprintf(format, args...)}
}
