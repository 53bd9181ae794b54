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
	ssh  *ssh.Client
	conn *conn
}

// Dial connects once. Errors of keys are [ErrHostKey] and [ErrClientKey]; all
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
	return &Client{ssh: client, conn: wrapped}, nil
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
func (c *Client) Close() error { return c.ssh.Close() }

// Bytes is what crossed the connection, both ways.
func (c *Client) Bytes() int64 { return c.conn.Bytes() }

// Stream runs a command with the given streams until it ends. The variables are
// sent as SSH "env" requests; a server that does not take one is an error. An
// exit status other than 0 is an *ssh.ExitError.
func (c *Client) Stream(ctx context.Context, command string, env map[string]string, in io.Reader, out, errs io.Writer) error {
	s, err := c.ssh.NewSession()
	if err != nil {
		return fmt.Errorf("open an SSH session: %w", err)
	}
	defer func() { _ = s.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	for name, value := range env {
		if err := s.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	stdin, err := s.StdinPipe()
	if err != nil {
		return err
	}
	s.Stdout, s.Stderr = out, errs
	if err := s.Start(command); err != nil {
		return fmt.Errorf("start %q: %w", command, err)
	}
	go func() { // ends with its reader, or with the process
		_, _ = io.CopyBuffer(onlyWriter{stdin}, onlyReader{in}, make([]byte, bufferSize))
		_ = stdin.Close()
	}()
	err = s.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// onlyReader and onlyWriter hide ReadFrom and WriteTo, which would choose
// smaller buffers.
type onlyReader struct{ io.Reader }
type onlyWriter struct{ io.Writer }
