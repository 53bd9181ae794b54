// Package s3test runs S3 servers for the time of a test.
package s3test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/s3"
	"github.com/backube/scribe-gen/test/s3/fault"
)

// Server starts a server with the bucket s3.DefaultBucket on loopback, with or
// without TLS, and stops it when the test ends. Under go test -short, a test
// that asks for a real server is skipped, since that may have to be built.
func Server(t testing.TB, kind s3.Kind, tls bool) *s3.Server {
	t.Helper()
	return Start(t, s3.Options{Kind: kind, TLS: tls})
}

// Start is like Server, with all options. Without a directory, it is one of the
// test's.
func Start(t testing.TB, o s3.Options) *s3.Server {
	t.Helper()
	if testing.Short() && o.Kind != s3.Rclone {
		t.Skipf("needs S3 server %s, which may have to be built", o.Kind)
	}
	if o.Directory == "" {
		o.Directory = t.TempDir()
	}
	// Not the test's context, which ends before the test's own clean-ups.
	server, err := s3.Start(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	return server
}

// Proxy starts a proxy in front of a server, with TLS when the server has it,
// and stops it when the test ends. A nil hook lets everything pass.
func Proxy(t testing.TB, server *s3.Server, hook fault.Hook) *fault.Proxy {
	t.Helper()
	proxy, err := fault.Start(server, fault.Options{Hook: hook})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, proxy.Stop()) })
	return proxy
}
