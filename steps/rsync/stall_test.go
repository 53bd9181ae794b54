package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/link"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/push"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// dial connects to the listener as a source would.
func (s *sites) dial() *link.Client {
	s.t.Helper()
	target, err := push.Place{Keys: s.dest.Secret(contract.PushSecret(relationship))}.Target()
	require.NoError(s.t, err)
	var client *link.Client
	require.Eventually(s.t, func() bool {
		client, err = link.Dial(context.Background(), target)
		return err == nil
	}, 30*time.Second, 20*time.Millisecond)
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

func hello(t *testing.T, c *link.Client, run string, at time.Time) (w protocol.Welcome) {
	t.Helper()
	var out bytes.Buffer
	command := message(t, "hello", protocol.Hello{Protocol: protocol.Version, Relationship: relationship, Run: run, RecoveryPoint: at})
	require.NoError(t, c.Stream(context.Background(), command, nil, bytes.NewReader(nil), &out, io.Discard), out.String())
	require.NoError(t, json.Unmarshal(out.Bytes(), &w))
	return w
}

func (s *sites) promoted(p *contract.Promotion) {
	s.t.Helper()
	_, err := volume.Update(context.Background(), s.store, relationship, func(st *contract.State) error {
		st.Promoted = p
		return nil
	})
	require.NoError(s.t, err)
}

// A source that hangs, but is alive, cannot hold a promotion up.
func TestPromotionWithAHangingSource(t *testing.T) {
	for name, request := range map[string]string{
		"survey": "scribe survey", "rsync": "rsync --server -logDtpre.iLsfxCIvu . .",
	} {
		t.Run(name, func(t *testing.T) {
			s := newSites(t)
			s.write(map[string]string{"a": "b"})
			s.sync("first")
			s.listen()
			c := s.dial()
			w := hello(t, c, "second", time.Now())
			e, err := c.Start(request, map[string]string{protocol.SessionVariable: w.Session}, io.Discard)
			require.NoError(t, err)
			_, _ = e.Stdin.Write([]byte("D\x01"))
			time.Sleep(200 * time.Millisecond)
			s.promoted(&contract.Promotion{Time: time.Now()})
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			assert.NoError(t, s.store.Quiesce(ctx, claim))
		})
	}
}

// After a resume the listener that had been fenced makes room for the next.
func TestResumeWhileListening(t *testing.T) {
	s := newSites(t)
	s.write(map[string]string{"a": "b"})
	s.sync("first")
	listener := s.listen()
	require.Eventually(t, func() bool { return bytes.Contains([]byte(listener.log.String()), []byte("listening")) }, 20*time.Second, 5*time.Millisecond)
	s.promoted(&contract.Promotion{Time: time.Now()})
	require.Eventually(t, func() bool {
		release, _, err := volume.TryLockRoot(s.replica())
		if err == nil {
			release()
		}
		return err == nil
	}, 20*time.Second, 10*time.Millisecond)
	s.promoted(nil)
	exit, out := listener.wait()
	assert.Equal(t, contract.ExitDone, exit)
	assert.Contains(t, out.Reason, "resumed")
	s.sync("second")
}

// A late retry of the committed run hears so, and does not end the run under
// way.
func TestLateRetryOfTheLastRun(t *testing.T) {
	s := newSites(t)
	s.write(map[string]string{"a": "b"})
	at := time.Now()
	listener, push := s.listen(), s.push("first", at)
	exit, _ := push.wait()
	require.Equal(t, contract.ExitDone, exit)
	listener.wait()
	require.NoError(t, os.WriteFile(filepath.Join(s.source, "big"), bytes.Repeat([]byte("0123456789abcdef"), 1<<18), 0o644))
	listener, push = s.listen(), s.push("second", time.Now(), "--bandwidth-limit=2Mi")
	require.Eventually(t, func() bool {
		list, _ := os.ReadDir(s.replica())
		return len(list) > 1
	}, 30*time.Second, 5*time.Millisecond)
	assert.Equal(t, "first", hello(t, s.dial(), "first", at).Committed.Run)
	exit, out := push.wait()
	require.Equal(t, contract.ExitDone, exit, push.log.String())
	exit, heard := listener.wait()
	assert.Equal(t, contract.ExitDone, exit)
	assert.Equal(t, out.Snapshot, heard.Snapshot)
}

// A connection that says nothing does not keep the window open.
func TestIdleConnection(t *testing.T) {
	s := newSites(t)
	listener := s.listen("--window=1s")
	s.dial()
	exit, out := listener.wait()
	assert.Equal(t, contract.ExitDone, exit)
	assert.Equal(t, contract.ResultNothing, out.Outcome)
}

// proxy passes connections on until it stalls.
type proxy struct {
	net.Listener
	stalled atomic.Bool
}

func newProxy(t *testing.T, to string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			t.Cleanup(func() { _ = near.Close(); _ = far.Close() })
			go p.pass(far, near)
			go p.pass(near, far)
		}
	}()
	return p
}

func (p *proxy) pass(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		for p.stalled.Load() {
			time.Sleep(10 * time.Millisecond)
		}
		if _, werr := to.Write(buf[:n]); werr != nil || err != nil {
			_ = to.Close()
			return
		}
	}
}

// A push that is told to end does so at once, however the network stands, and
// leaves no file behind.
func TestTerminatedOnAStalledNetwork(t *testing.T) {
	for _, after := range []time.Duration{20, 60, 120, 400, 900} {
		t.Run(fmt.Sprint(after*time.Millisecond), func(t *testing.T) {
			s := newSites(t)
			temporary := t.TempDir()
			t.Setenv("TMPDIR", temporary)
			require.NoError(t, os.WriteFile(filepath.Join(s.source, "big"), bytes.Repeat([]byte("0123456789abcdef"), 1<<20), 0o644))
			s.listen()
			_ = s.dial().Close()
			p := newProxy(t, "127.0.0.1:"+strconv.Itoa(s.port))
			push := s.push("run", time.Now(), "--port="+strconv.Itoa(p.Addr().(*net.TCPAddr).Port), "--bandwidth-limit=4Mi")
			time.Sleep(after * time.Millisecond)
			p.stalled.Store(true)
			time.Sleep(200 * time.Millisecond)
			require.NoError(t, push.cmd.Process.Signal(syscall.SIGTERM))
			select {
			case <-push.ended:
			case <-time.After(30 * time.Second): // a pod has 60 s, and a dead peer is noticed after 80
				t.Fatal("the push did not end", push.log.String())
			}
			exit, _ := push.wait()
			assert.Equal(t, contract.ExitFailed, exit)
			left, err := filepath.Glob(filepath.Join(temporary, "scribe-*"))
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}

// A promotion waits for a commit that is cutting its snapshot, so that it can
// choose that one.
func TestPromotionDuringACommit(t *testing.T) {
	s := newSites(t)
	s.write(map[string]string{"a": "b"})
	t.Setenv(faultVariable, slowCut)
	listener, push := s.listen(), s.push("run", time.Now())
	require.Eventually(t, func() bool { return strings.Contains(listener.log.String(), "cutting") }, 30*time.Second, 5*time.Millisecond)
	s.promoted(&contract.Promotion{Time: time.Now()})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	require.NoError(t, s.store.Quiesce(ctx, claim))
	assert.Len(t, s.snapshots(), 1, "the snapshot is there once the replica is free")
	exit, out := push.wait()
	assert.Equal(t, contract.ExitRefused, exit, push.log.String())
	assert.Equal(t, contract.RefusedPromoted, out.Code)
	exit, _ = listener.wait()
	assert.Equal(t, contract.ExitDone, exit)
}
