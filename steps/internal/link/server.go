package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// Keys is what a server needs; it is asked for each connection, so that rotated
// keys are taken up while it listens.
type Keys struct {
	// Host is the server's private key.
	Host []byte
	// Clients are the keys, in the format of authorized_keys, that may log in.
	Clients []byte
}

// Handler answers the exec requests of one connection.
type Handler interface {
	// Exec runs a command. Its context ends with the session.
	Exec(ctx context.Context, s *Session) ExitStatus
	// Closed is called once, when the connection has ended.
	Closed()
}

// ExitStatus is the exit status of a command.
type ExitStatus uint32

// Server accepts connections and gives each to a Handler.
type Server struct {
	// Keys returns the keys in force now.
	Keys func() (Keys, error)
	// Connected returns the handler of an authenticated connection; drop closes
	// the connection.
	Connected func(peer Peer, drop func()) Handler
	Log       *slog.Logger
}

// Peer is who connected.
type Peer struct {
	Address string
	// Key is the fingerprint of the client's key.
	Key string
}

// strangers is how many connections may be on their way to being authenticated;
// more are closed, as OpenSSH does (MaxStartups).
const strangers = 32

// Serve accepts connections until ctx ends, then closes all and waits for their
// handlers.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var all sync.WaitGroup
	places := make(chan struct{}, strangers)
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("listen on %s: %w", l.Addr(), err)
		case err != nil: // a connection that broke before it was accepted
			s.Log.Warn("accept failed", "error", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		select {
		case places <- struct{}{}:
			all.Go(func() { s.serve(ctx, c, func() { <-places }) })
		default:
			s.Log.Warn("too many connections that are not authenticated", "peer", c.RemoteAddr().String())
			_ = c.Close()
		}
	}
}

// serve speaks SSH with one client until it leaves or ctx ends. Authenticated is
// called once it is known or gone.
func (s *Server) serve(ctx context.Context, raw net.Conn, authenticated func()) {
	peer := raw.RemoteAddr().String()
	wrapped := newConn(raw)
	defer func() { _ = wrapped.Close() }()
	_ = raw.SetDeadline(time.Now().Add(handshakeTimeout))
	stopHandshake := context.AfterFunc(ctx, func() { _ = raw.Close() })
	sc, channels, requests, err := s.handshake(wrapped)
	stopHandshake()
	authenticated()
	if err != nil {
		// A probe only asks whether the port is open, and leaves.
		if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			s.Log.Warn("refused a connection", "peer", peer, "error", err.Error())
		}
		return
	}
	_ = raw.SetDeadline(time.Time{})
	go stayAlive(sc)
	go ssh.DiscardRequests(requests) // refuses forwarding; answers keepalives with "no"
	stop := context.AfterFunc(ctx, func() { _ = sc.Close() })
	defer stop()
	handler := s.Connected(Peer{Address: peer, Key: sc.Permissions.Extensions[keyExtension]}, func() { _ = raw.Close() })
	defer handler.Closed()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for c := range channels {
		if c.ChannelType() != "session" {
			s.Log.Warn("refused a channel", "peer", peer, "type", c.ChannelType())
			_ = c.Reject(ssh.Prohibited, "only sessions are allowed here")
			continue
		}
		channel, reqs, err := c.Accept()
		if err != nil {
			continue
		}
		sessions.Go(func() { s.session(ctx, peer, channel, reqs, handler) })
	}
}

const keyExtension = "key"

func (s *Server) handshake(c *conn) (*ssh.ServerConn, <-chan ssh.NewChannel, <-chan *ssh.Request, error) {
	keys, err := s.Keys()
	if err != nil {
		return nil, nil, nil, err
	}
	host, err := ssh.ParsePrivateKey(keys.Host)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("read the host's private key: %w", err)
	}
	clients, err := ParsePublic(keys.Clients)
	if err != nil {
		return nil, nil, nil, err
	}
	cfg := &ssh.ServerConfig{
		Config: config(), MaxAuthTries: 6, ServerVersion: "SSH-2.0-scribe",
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !contains(clients, key) {
				return nil, fmt.Errorf("unknown client key %s", Fingerprint(key))
			}
			return &ssh.Permissions{Extensions: map[string]string{keyExtension: Fingerprint(key)}}, nil
		},
	}
	cfg.AddHostKey(host)
	return ssh.NewServerConn(c, cfg)
}
