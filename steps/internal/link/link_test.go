package link

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// echo answers exec requests: "echo" sends back what comes, "env" its variables,
// "exit N" that status, "hang" nothing until its context ends.
type echo struct{ ended chan string }

func (e echo) Exec(ctx context.Context, s *Session) ExitStatus {
	switch {
	case s.Command == "echo":
		_, _ = io.Copy(s.Stdout, s.Stdin)
	case s.Command == "env":
		_, _ = io.WriteString(s.Stdout, s.Env["A"])
	case s.Command == "hang":
		<-ctx.Done()
		e.ended <- "hang"
	case strings.HasPrefix(s.Command, "exit "):
		_, _ = io.WriteString(s.Stderr, "complaint")
		return ExitStatus(s.Command[5] - '0')
	}
	return 0
}

func (e echo) Closed() { e.ended <- "closed" }

// serve starts a server and returns how to reach it, and its events.
func serve(t *testing.T) (Target, echo) {
	t.Helper()
	host, err := NewKeyPair("host")
	require.NoError(t, err)
	client, err := NewKeyPair("client")
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e := echo{ended: make(chan string, 10)}
	s := &Server{
		Keys:      func() (Keys, error) { return Keys{Host: host.Private, Clients: client.Public}, nil },
		Connected: func(Peer, func()) Handler { return e },
		Log:       slog.New(slog.DiscardHandler),
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	return Target{Address: l.Addr().String(), Client: client.Private, HostKeys: host.Public}, e
}

func dial(t *testing.T, target Target) *Client {
	t.Helper()
	c, err := Dial(context.Background(), target)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestStream(t *testing.T) {
	target, _ := serve(t)
	c := dial(t, target)
	data := make([]byte, 5<<20)
	_, _ = rand.Read(data)
	var out bytes.Buffer
	require.NoError(t, c.Stream(context.Background(), "echo", nil, bytes.NewReader(data), &out, io.Discard))
	assert.True(t, bytes.Equal(data, out.Bytes()))
	assert.Greater(t, c.Bytes(), int64(10<<20))
	assert.Positive(t, c.RoundTrip())

	out.Reset()
	require.NoError(t, c.Stream(context.Background(), "env", map[string]string{"A": "b c"}, strings.NewReader(""), &out, io.Discard))
	assert.Equal(t, "b c", out.String())

	var errs bytes.Buffer
	var exit *ssh.ExitError
	require.ErrorAs(t, c.Stream(context.Background(), "exit 7", nil, strings.NewReader(""), io.Discard, &errs), &exit)
	assert.Equal(t, 7, exit.ExitStatus())
	assert.Equal(t, "complaint", errs.String())
	assert.Error(t, c.Stream(context.Background(), "env", map[string]string{"A": strings.Repeat("x", 5000)}, strings.NewReader(""), io.Discard, io.Discard))
}

func TestManySessionsAtOnce(t *testing.T) {
	target, _ := serve(t)
	c := dial(t, target)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			data := make([]byte, 300_000)
			_, _ = rand.Read(data)
			var out bytes.Buffer
			assert.NoError(t, c.Stream(context.Background(), "echo", nil, bytes.NewReader(data), &out, io.Discard))
			assert.True(t, bytes.Equal(data, out.Bytes()))
		})
	}
	all.Wait()
}

func TestKeysArePinnedOnBothSides(t *testing.T) {
	target, _ := serve(t)
	foreign, err := NewKeyPair("foreign")
	require.NoError(t, err)
	wrong := target
	wrong.HostKeys = foreign.Public
	_, err = Dial(context.Background(), wrong)
	assert.ErrorIs(t, err, ErrHostKey)
	wrong = target
	wrong.Client = foreign.Private
	_, err = Dial(context.Background(), wrong)
	assert.ErrorIs(t, err, ErrClientKey)
	either := target
	either.HostKeys = append(append([]byte{}, foreign.Public...), target.HostKeys...)
	dial(t, either)
	for _, broken := range []Target{{Address: target.Address}, {Address: target.Address, Client: target.Client}} {
		_, err = Dial(context.Background(), broken)
		assert.Error(t, err)
	}
}

// The end of a context, of a session or of a connection ends what it carries.
func TestEnds(t *testing.T) {
	target, e := serve(t)
	c := dial(t, target)
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(50*time.Millisecond, func() { cancel(stopped) })
	r, _ := io.Pipe() // never ends
	assert.ErrorIs(t, c.Stream(ctx, "hang", nil, r, io.Discard, io.Discard), stopped)
	assert.Equal(t, "hang", <-e.ended)

	go func() { _ = c.Stream(context.Background(), "hang", nil, r, io.Discard, io.Discard) }()
	time.Sleep(50 * time.Millisecond)
	_ = c.Close()
	assert.ElementsMatch(t, []string{"hang", "closed"}, []string{<-e.ended, <-e.ended})

	canceled, cancelDial := context.WithCancel(context.Background())
	cancelDial()
	_, err := Dial(canceled, target)
	assert.Error(t, err)
}

// A client that never speaks does not keep the server from others.
func TestSilentClients(t *testing.T) {
	target, _ := serve(t)
	for range strangers - 1 {
		c, err := net.Dial("tcp", target.Address)
		require.NoError(t, err)
		defer c.Close()
	}
	known := dial(t, target)
	dial(t, target)
	last, err := net.Dial("tcp", target.Address)
	require.NoError(t, err)
	defer last.Close()
	assert.Eventually(t, func() bool {
		_, err := Dial(context.Background(), target)
		return err != nil
	}, 5*time.Second, 10*time.Millisecond, "there is a limit")
	assert.NoError(t, known.Stream(context.Background(), "echo", nil, strings.NewReader(""), io.Discard, io.Discard))
}

// The wrapped connection keeps every byte in order, and reports a broken peer.
func TestConn(t *testing.T) {
	near, far := net.Pipe()
	c := newConn(near)
	data := make([]byte, 3<<20)
	_, _ = rand.Read(data)
	got := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(far)
		got <- b
	}()
	for rest := data; len(rest) > 0; {
		n := min(len(rest), 40_000)
		_, err := c.Write(rest[:n])
		require.NoError(t, err)
		rest = rest[n:]
	}
	require.NoError(t, c.Close(), "closing sends the rest")
	assert.True(t, bytes.Equal(data, <-got))
	assert.Error(t, c.Close())
	_, err := c.Write([]byte("x"))
	assert.ErrorIs(t, err, net.ErrClosed)

	near, far = net.Pipe()
	c = newConn(near)
	_ = far.Close()
	assert.Eventually(t, func() bool {
		_, err := c.Write([]byte("x"))
		return err != nil
	}, 5*time.Second, time.Millisecond)
}
