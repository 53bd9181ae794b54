package link

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// echo answers every connection with what it sends, and ends when it ends.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.(*net.TCPConn).CloseWrite()
			}()
		}
	}()
	return l.Addr().String()
}

func TestProxyDelaysARoundTrip(t *testing.T) {
	route, err := New(50 * time.Millisecond).Open(echo(t))
	require.NoError(t, err)
	defer route.Close()
	c, err := net.Dial("tcp", route.Addr())
	require.NoError(t, err)
	defer c.Close()
	for range 3 {
		start := time.Now()
		_, err = c.Write([]byte("ping"))
		require.NoError(t, err)
		_, err = io.ReadFull(c, make([]byte, 4))
		require.NoError(t, err)
		assert.GreaterOrEqual(t, time.Since(start), 50*time.Millisecond)
	}
	n, err := route.Bytes()
	require.NoError(t, err)
	assert.EqualValues(t, 3*2*4, n)
}

func TestProxyKeepsBytesAndHalfClose(t *testing.T) {
	route, err := New(2 * time.Millisecond).Open(echo(t))
	require.NoError(t, err)
	defer route.Close()
	c, err := net.Dial("tcp", route.Addr())
	require.NoError(t, err)
	defer c.Close()

	sent := make([]byte, 3*ringSize/2+12345)
	rand.NewChaCha8([32]byte{1}).Read(sent)
	go func() {
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 1+len(rest)/7)
			c.Write(rest[:n])
			rest = rest[n:]
		}
		c.(*net.TCPConn).CloseWrite()
	}()
	hash := sha256.New()
	n, err := io.Copy(hash, c)
	require.NoError(t, err)
	assert.EqualValues(t, len(sent), n)
	want := sha256.Sum256(sent)
	assert.Equal(t, want[:], hash.Sum(nil))
}

func TestProxyCloseBreaksConnections(t *testing.T) {
	p, err := NewProxy(echo(t), time.Minute)
	require.NoError(t, err)
	c, err := net.Dial("tcp", p.Addr())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, p.Close())
	_, err = io.ReadAll(c)
	if err != nil {
		assert.ErrorContains(t, err, "reset")
	}
}

func TestRingNeverGrows(t *testing.T) {
	r := newRing(0, 64)
	in := bytes.Repeat([]byte("0123456789"), 1000)
	go r.fill(bytes.NewReader(in))
	var out bytes.Buffer
	require.NoError(t, r.drain(&out))
	assert.Equal(t, in, out.Bytes())
	assert.Len(t, r.buf, 64)
}

func TestLoopbackBytes(t *testing.T) {
	const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
  eth0:     7       1    0    0    0     0          0         0        7       1    0    0    0     0       0          0
    lo:12345       3    0    0    0     0          0         0    12345       3    0    0    0     0       0          0
`
	n, err := loopbackBytes(text, "table")
	require.NoError(t, err)
	assert.EqualValues(t, 12345, n)
	_, err = loopbackBytes("eth0: 1", "table")
	assert.EqualError(t, err, "table has no device lo")
}

func TestDirectCounts(t *testing.T) {
	route, err := New(0).Open(echo(t))
	require.NoError(t, err)
	before, err := route.Bytes()
	require.NoError(t, err)
	c, err := net.Dial("tcp", route.Addr())
	require.NoError(t, err)
	defer c.Close()
	c.Write(make([]byte, 1000))
	_, err = io.ReadFull(c, make([]byte, 1000))
	require.NoError(t, err)
	after, err := route.Bytes()
	require.NoError(t, err)
	assert.GreaterOrEqual(t, after-before, int64(2000))
}
