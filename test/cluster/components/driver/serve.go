package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/backube/scribe-gen/test/cluster/components/driver/backing"
	"github.com/backube/scribe-gen/test/cluster/components/driver/registration"
	"github.com/backube/scribe-gen/test/cluster/components/driver/service"
	"github.com/backube/scribe-gen/test/cluster/components/driver/store"
)

// run serves until ctx ends. Published volumes and mounted images stay mounted.
func run(ctx context.Context, c config, log *slog.Logger) error {
	tree, err := treeBacking(c)
	if err != nil {
		return err
	}
	s, warnings, err := store.Open(ctx, c.root, tree)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, warning := range warnings {
		log.Warn("a volume may be unusable", "error", warning)
	}
	group, ctx := errgroup.WithContext(ctx)
	server := service.New(service.Config{Name: c.name, Node: c.node, Plain: c.plain, Store: s, Log: log})
	if err := serve(ctx, group, server, c.socket); err != nil {
		return err
	}
	log.Info("serving", "driver", c.name, "socket", c.socket, "root", c.root)
	if c.registrationDir != "" {
		// Only now: the kubelet calls the driver as soon as it sees this socket.
		socket := filepath.Join(c.registrationDir, c.name+"-reg.sock")
		if err := serve(ctx, group, registration.New(c.name, c.socket, log), socket); err != nil {
			return err
		}
	}
	return group.Wait()
}

// treeBacking returns what holds the volumes below the root, which it makes when
// absent.
func treeBacking(c config) (backing.Backing, error) {
	if err := os.MkdirAll(c.root, 0o755); err != nil {
		return nil, fmt.Errorf("make the root of the driver: %w", err)
	}
	switch c.backing {
	case "dir":
		return backing.Dir{}, nil
	case "btrfs":
		ok, err := backing.IsBtrfs(c.root)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("%s is not on a btrfs file system: make one (truncate -s 10G FILE; mkfs.btrfs FILE; "+
				"mount -o loop FILE DIR), or use --backing dir, whose copies are not of one point in time", c.root)
		}
		return backing.Btrfs{}, nil
	}
	return nil, fmt.Errorf("--backing %s: use btrfs or dir", c.backing)
}

// serve starts server on the unix socket path, in place of one that a killed
// driver left, and stops it when ctx ends; calls under way end with their
// context then.
func serve(ctx context.Context, group *errgroup.Group, server *grpc.Server, path string) error {
	// What fits into sockaddr_un with its terminating zero.
	const longest = 107
	if len(path) > longest {
		return fmt.Errorf("socket path %s has %d bytes, more than %d: choose a shorter directory", path, len(path), longest)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("make the directory of the socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	group.Go(func() error { return server.Serve(listener) })
	group.Go(func() error {
		<-ctx.Done()
		server.Stop()
		return nil
	})
	return nil
}
