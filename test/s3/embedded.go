package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"

	_ "github.com/rclone/rclone/backend/local" // what the server stores to
	_ "github.com/rclone/rclone/cmd/serve/s3"  // the server
	"github.com/rclone/rclone/fs/rc"
	"github.com/rclone/rclone/lib/atexit"
)

// serveRclone runs rclone's server in this process, through the calls that
// rclone has for that.
func serveRclone(ctx context.Context, s *Server, a address, ready func(context.Context) error) error {
	// Else rclone would end this process at an interrupt, before it has
	// stopped its other servers.
	atexit.IgnoreSignals()
	started, err := call(ctx, "serve/start", s.serveParameters(a))
	if err != nil {
		return err
	}
	id, _ := started["id"].(string)
	stop := sync.OnceValue(func() error {
		_, err := call(context.WithoutCancel(ctx), "serve/stop", rc.Params{"id": id})
		return err
	})
	unwatch := context.AfterFunc(ctx, func() { _ = stop() })
	s.stop = func() error {
		unwatch()
		return stop() // which waits when it is under way
	}
	listening, _ := started["addr"].(string)
	if _, a.port, err = net.SplitHostPort(listening); err != nil {
		return fmt.Errorf("rclone serves at %q: %w", listening, err)
	}
	s.Endpoint = a.endpoint(s.TLS())
	return ready(ctx)
}

func (s *Server) serveParameters(a address) rc.Params {
	p := rc.Params{
		"type":     "s3",
		"fs":       rc.Params{"type": "local", "_root": s.objects()},
		"addr":     []string{a.String()},
		"auth_key": []string{s.AccessKey + "," + s.SecretKey},
	}
	if s.TLS() {
		p["cert"] = filepath.Join(s.Directory, certificateFile)
		p["key"] = filepath.Join(s.Directory, keyFile)
	}
	return p
}

func call(ctx context.Context, path string, in rc.Params) (rc.Params, error) {
	c := rc.Calls.Get(path)
	if c == nil {
		return nil, errors.New("rclone has no call " + path)
	}
	return c.Fn(ctx, in)
}
