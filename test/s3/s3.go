// Package s3 runs S3 servers for tests, demonstrations and benchmarks: two that
// people run in production, each a process of its own, and rclone's, which is
// fast to start because it runs in the calling program.
//
//	server, err := s3.Start(ctx, s3.Options{Kind: s3.MinIO, TLS: true})
//	if err != nil { ... }
//	defer server.Stop()
//	os.WriteFile("rclone.conf", []byte(server.Config("store")), 0o600)
//
// Package s3test does this for a test in one line, and package fault puts
// network failures and counters in front of a server.
//
// The servers differ in what a writer can rely on. MinIO and Versity refuse to
// put an object that exists when asked with If-None-Match: *, both with status
// 412 and code PreconditionFailed, and of several writers at once let one
// through. rclone's server ignores the header and overwrites, so it stands for
// the stores that have no preconditions.
//
// Names of objects reach rclone in its own encoding, in which a line feed is
// U+240A: encoder.OS.ToStandardPath makes it of a path on disk, and listings
// have it.
package s3

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/backube/scribe-gen/test/cluster/pki"
)

// A Kind is an implementation of S3.
type Kind string

const (
	// Rclone is rclone's own server, in this process. It ignores
	// preconditions and sees the directory through a cache of five minutes:
	// nothing else may change files there.
	Rclone Kind = "rclone"
	// Versity is the Versity gateway on a directory. An object is a file
	// there, so that a key cannot be a prefix of another at a slash. Its
	// listings cannot hold control characters other than tab and line feed:
	// objects with such names are there, but listed under wrong ones.
	Versity Kind = "versity"
	// MinIO is the MinIO server with one drive.
	MinIO Kind = "minio"
)

// Kinds returns all kinds, the fastest to start first.
func Kinds() []Kind { return []Kind{Rclone, Versity, MinIO} }

// DefaultBucket is the bucket that a server has when none is asked for.
const DefaultBucket = "bucket"

// Options say what to start. Only Kind is required.
type Options struct {
	Kind Kind
	// Directory holds objects, keys and the server's log. It is created when
	// missing and kept when the server stops, so that a server of the same
	// kind started on it has the objects. Default: a temporary one that Stop
	// removes.
	Directory string
	// Address is host:port to listen on; with port 0 a free one is chosen.
	// Default: 127.0.0.1:0.
	Address string
	// TLS makes the server speak HTTPS only, with a certificate of an
	// authority that exists for this server alone.
	TLS bool
	// Names are DNS names and IP addresses that the certificate is good for
	// besides the host of Address, localhost and 127.0.0.1.
	Names []string
	// Buckets are created before Start returns. Default: DefaultBucket.
	Buckets []string
}

// A Server runs until Stop, or until the context of Start ends.
type Server struct {
	Access
	// Kind is what was started.
	Kind Kind
	// Directory is where its objects, keys and log are.
	Directory string

	authority *pki.Authority // nil without TLS
	stop      func() error
	temporary bool
}

// Start starts a server and returns when it answers and has its buckets. The
// real servers are built first when the cache of the go command does not have
// them, which takes minutes and needs the Go module proxy; see Program.
//
// The server ends with ctx; Stop is needed nevertheless, to wait for that and
// to remove a temporary directory. The error of a server that did not come up
// ends with the last lines of its log.
func Start(ctx context.Context, o Options) (*Server, error) {
	launch, err := launcherOf(o.Kind)
	if err != nil {
		return nil, err
	}
	s, err := prepare(o)
	if err != nil {
		return nil, fmt.Errorf("prepare S3 server %s: %w", o.Kind, err)
	}
	if err := s.start(ctx, launch, o); err != nil {
		return nil, errors.Join(fmt.Errorf("start S3 server %s: %w", o.Kind, err), s.Stop())
	}
	return s, nil
}

// prepare makes the server's directory and credentials.
func prepare(o Options) (s *Server, err error) {
	s = &Server{Kind: o.Kind, Directory: o.Directory, stop: func() error { return nil }}
	s.AccessKey, s.SecretKey, s.provider = rand.Text(), rand.Text(), providerOf(o.Kind)
	if s.Directory == "" {
		s.Directory, err = os.MkdirTemp("", "s3-"+string(o.Kind)+"-")
		s.temporary = true
	} else {
		s.Directory, err = filepath.Abs(s.Directory)
	}
	if err != nil {
		return nil, err
	}
	return s, os.MkdirAll(s.objects(), 0o755)
}

// start launches the server and makes its buckets.
func (s *Server) start(ctx context.Context, launch launcher, o Options) error {
	address, err := o.address()
	if err != nil {
		return err
	}
	if o.TLS {
		if err := s.certify(append(slices.Clone(o.Names), address.host)); err != nil {
			return err
		}
	}
	buckets := o.Buckets
	if len(buckets) == 0 {
		buckets = []string{DefaultBucket}
	}
	return launch(ctx, s, address, func(ctx context.Context) error { return s.makeBuckets(ctx, buckets) })
}

// Stop ends the server and waits until it has ended. A temporary directory is
// removed. Stopping again does nothing.
func (s *Server) Stop() error {
	err := s.stop()
	s.stop = func() error { return nil }
	if s.temporary {
		err = errors.Join(err, os.RemoveAll(s.Directory))
	}
	if err != nil {
		return fmt.Errorf("stop S3 server %s: %w", s.Kind, err)
	}
	return nil
}

// Certificate issues a certificate of the server's authority for a program in
// front of it, good for the given DNS names and IP addresses. It fails for a
// server without TLS.
func (s *Server) Certificate(names ...string) (tls.Certificate, error) {
	if s.authority == nil {
		return tls.Certificate{}, fmt.Errorf("issue a certificate for %q: S3 server %s was started without TLS", names, s.Kind)
	}
	pair, err := issue(s.authority, names)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(pair.Certificate, pair.Key)
}

// Roots are the authorities that a client of the server trusts: its own, or nil
// without TLS.
func (s *Server) Roots() (*x509.CertPool, error) {
	if s.authority == nil {
		return nil, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.authority.Certificate()) {
		return nil, fmt.Errorf("authority of S3 server %s: no certificate in its PEM", s.Kind)
	}
	return roots, nil
}

// TLS reports whether the server speaks HTTPS.
func (s *Server) TLS() bool { return s.authority != nil }

func (s *Server) objects() string { return filepath.Join(s.Directory, "objects") }
func (s *Server) log() string     { return filepath.Join(s.Directory, "server.log") }
