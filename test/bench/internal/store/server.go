package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/s3"
	"github.com/backube/scribe-gen/test/s3/fault"
)

// Server is an S3 server behind a proxy that counts what passes. Both speak plain
// HTTP, so that what they cost is as little as can be.
type Server struct {
	server *s3.Server
	proxy  *fault.Proxy
	config string
}

// remote is what the server is called in rclone.conf.
const remote = "store"

// bucketPath is where in the server the contender's data goes: below the root of
// a bucket, as is usual.
const bucketPath = s3.DefaultBucket + "/volume"

// Kinds are the kinds of requests that are counted, in the order of tables.
func Kinds() []string {
	var kinds []string
	for _, o := range []fault.Operation{
		fault.Put, fault.Part, fault.Multipart, fault.Copy, fault.Get, fault.Head, fault.List, fault.Delete, fault.Bucket, fault.Other,
	} {
		kinds = append(kinds, string(o))
	}
	return kinds
}

// Start starts an empty server with its files below dir. It is built first, which
// takes minutes, when the cache of the go command does not have it.
func Start(ctx context.Context, dir string) (_ *Server, err error) {
	s := &Server{config: filepath.Join(dir, "config")}
	if s.server, err = s3.Start(ctx, s3.Options{Kind: s3.Versity, Directory: filepath.Join(dir, "server")}); err != nil {
		return nil, err
	}
	if err := s.configure(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) configure() (err error) {
	if s.proxy, err = fault.Start(s.server, fault.Options{}); err != nil {
		return err
	}
	if err := os.MkdirAll(s.config, 0o700); err != nil {
		return fmt.Errorf("configure rclone: %w", err)
	}
	conf := filepath.Join(s.config, contract.KeyRcloneConfig)
	if err := os.WriteFile(conf, []byte(s.proxy.Config(remote)), 0o600); err != nil {
		return fmt.Errorf("configure rclone: %w", err)
	}
	return nil
}

// Place returns the place for the one contender that uses the server, whose own
// files are in dir.
func (s *Server) Place(source, dir string) Place {
	return Place{Source: source, Dir: dir, Config: s.config, Remote: remote + ":" + bucketPath}
}

// section and path are the two parts of the place's remote.
func (Place) section() string { return remote }
func (Place) path() string    { return bucketPath }

// Stop ends the server. Its files stay.
func (s *Server) Stop() error {
	var err error
	if s.proxy != nil {
		err = s.proxy.Stop()
	}
	return errors.Join(err, s.server.Stop())
}
