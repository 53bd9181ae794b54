package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// ErrHostKey is returned, wrapped, when the server's key is not pinned.
var ErrHostKey = errors.New("host key mismatch")

// ErrClientKey is returned, wrapped, when the server does not accept the
// client's key.
var ErrClientKey = errors.New("client key not accepted")

// Target is a server and the keys to reach it with.
type Target struct {
	// Address is host:port.
	Address string
	User    string
	// Client is the client's private key; HostKeys are the keys, in the format of
	// authorized_keys, of which the server must have one.
	Client, HostKeys []byte
}

// Client is an authenticated connection.
type Client struct {
	ssh    *ssh.Client
	conn   *conn
	detach func() bool
}

// Dial connects once; the connection lasts until ctx ends, which ends everything
// on it however the network stands. Errors of keys are [ErrHostKey] and [ErrClientKey]; all
// others may pass.
func Dial(ctx context.Context, t Target) (*Client, error) {
	signer, err := ssh.ParsePrivateKey(t.Client)
	if err != nil {
		return nil, fmt.Errorf("read the client's private key: %w", err)
	}
	pinned, err := ParsePublic(t.HostKeys)
	if err != nil {
		return nil, fmt.Errorf("read the pinned host keys: %w", err)
	}
	dialer := net.Dialer{Timeout: handshakeTimeout, KeepAlive: keepAlive}
	raw, err := dialer.DialContext(ctx, "tcp", t.Address)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t.Address, err)
	}
	wrapped := newConn(raw)
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	_ = raw.SetDeadline(time.Now().Add(handshakeTimeout))
	client, err := handshake(wrapped, t, signer, pinned)
	if err != nil {
		_ = raw.Close()
		_ = wrapped.Close()
		return nil, err
	}
	_ = raw.SetDeadline(time.Time{})
	go stayAlive(client.Conn)
	return &Client{
		ssh: client, conn: wrapped,
		detach: context.AfterFunc(ctx, func() { _ = raw.Close() }),
	}, nil
}

func handshake(c *conn, t Target, signer ssh.Signer, pinned []ssh.PublicKey) (*ssh.Client, error) {
	user := t.User
	if user == "" {
		user = User
	}
	var hostKey error
	cc, channels, requests, err := ssh.NewClientConn(c, t.Address, &ssh.ClientConfig{
		Config: config(), User: user,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyAlgorithms: algorithms(pinned),
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if !contains(pinned, key) {
				hostKey = fmt.Errorf("%w: %s has %s, pinned is %s", ErrHostKey, t.Address, Fingerprint(key), fingerprints(pinned))
			}
			return hostKey
		},
	})
	switch {
	case hostKey != nil:
		return nil, hostKey
	case err != nil && strings.Contains(err.Error(), "unable to authenticate"):
		return nil, fmt.Errorf("%w: %s does not know %s", ErrClientKey, t.Address, Fingerprint(signer.PublicKey()))
	case err != nil:
		return nil, fmt.Errorf("SSH with %s: %w", t.Address, err)
	}
	return ssh.NewClient(cc, channels, requests), nil
}

// algorithms limits the server to keys of the pinned types: an OpenSSH server
// has several and would else offer one that is not pinned.
func algorithms(pinned []ssh.PublicKey) []string {
	var names []string
	for _, k := range pinned {
		if k.Type() == ssh.KeyAlgoRSA {
			names = append(names, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			continue
		}
		names = append(names, k.Type())
	}
	return names
}

func fingerprints(keys []ssh.PublicKey) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = Fingerprint(k)
	}
	return strings.Join(names, " or ")
}

// Close closes the connection and every session on it.
func (c *Client) Close() error {
	c.detach()
	return c.ssh.Close()
}

// Bytes is what crossed the connection, both ways.
func (c *Client) Bytes() int64 { return c.conn.Bytes() }

// Exec is a command under way at the server.
type Exec struct {
	Stdin  io.WriteCloser
	Stdout io.Reader
	s      *ssh.Session
}

// Start starts a command. The variables are sent as SSH "env" requests; a server
// that does not take one is an error. Standard error goes to errs.
func (c *Client) Start(command string, env map[string]string, errs io.Writer) (*Exec, error) {
	s, err := c.ssh.NewSession()
	if err != nil {
		return nil, fmt.Errorf("open an SSH session: %w", err)
	}
	e := &Exec{s: s}
	if err := e.start(command, env, errs); err != nil {
		_ = s.Close()
		return nil, err
	}
	return e, nil
}

func (e *Exec) start(command string, env map[string]string, errs io.Writer) (err error) {
	for name, value := range env {
		if err := e.s.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	if e.Stdin, err = e.s.StdinPipe(); err != nil {
		return err
	}
	if e.Stdout, err = e.s.StdoutPipe(); err != nil {
		return err
	}
	e.s.Stderr = errs
	if err := e.s.Start(command); err != nil {
		return fmt.Errorf("start %q: %w", command, err)
	}
	return nil
}

// Wait waits for the end of the command, once its output was read to the end. An
// exit status other than 0 is an *ssh.ExitError.
func (e *Exec) Wait() error { return e.s.Wait() }

// Close ends the command.
func (e *Exec) Close() { _ = e.s.Close() }

// Stream runs a command with the given streams until it ends.
func (c *Client) Stream(ctx context.Context, command string, env map[string]string, in io.Reader, out, errs io.Writer) error {
	return until(ctx, func() error {
		e, err := c.Start(command, env, errs)
		if err != nil {
			return err
		}
		defer e.Close()
		return e.Relay(ctx, Pipe{e.Stdin, e.Stdout}, in, out)
	})
}

// until returns what f does, or the cause of ctx when that ends first: a server
// may never answer. What f then still waits for is freed by the end of the
// connection.
func until(ctx context.Context, f func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- f() }()
	select {
	case err := <-ended:
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Pipe is the two directions of a command's data.
type Pipe struct {
	In  io.WriteCloser
	Out io.Reader
}

// Relay copies in to the command and its output to out until it ends, by way of
// data, which is the command's own streams or something around them.
func (e *Exec) Relay(ctx context.Context, data Pipe, in io.Reader, out io.Writer) error {
	stop := context.AfterFunc(ctx, e.Close)
	defer stop()
	go func() { // ends with its reader, or with the process
		_, _ = io.CopyBuffer(onlyWriter{data.In}, onlyReader{in}, make([]byte, bufferSize))
		_ = data.In.Close()
	}()
	return until(ctx, func() error { return e.drain(data.Out, out) })
}

// drain copies the output and waits for the end.
func (e *Exec) drain(from io.Reader, to io.Writer) error {
	_, copied := io.CopyBuffer(onlyWriter{to}, onlyReader{from}, make([]byte, bufferSize))
	if copied != nil {
		e.Close()
	}
	if err := e.Wait(); err != nil {
		return err
	}
	return copied
}

// onlyReader and onlyWriter hide ReadFrom and WriteTo, which would choose
// smaller buffers.
type onlyReader struct{ io.Reader }
type onlyWriter struct{ io.Writer }
