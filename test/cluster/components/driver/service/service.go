// Package service answers the calls of the Container Storage Interface: identity,
// controller and node, all on one socket.
package service

import (
	"context"
	"log/slog"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/backube/scribe-gen/test/cluster/components/driver/fault"
	"github.com/backube/scribe-gen/test/cluster/components/driver/store"
)

// Version is what the driver calls its version.
const Version = "1.0.0"

// Config says what the services are to be.
type Config struct {
	// Name is the driver's, as in StorageClasses.
	Name string
	// Node is the name of the Kubernetes node that this process is on.
	Node string
	// Plain leaves out clones and snapshots.
	Plain bool
	Store *store.Store
	Log   *slog.Logger
}

// New returns a server with all services of the driver.
func New(c Config) *grpc.Server {
	server := grpc.NewServer(grpc.UnaryInterceptor(logged(c.Log)))
	csi.RegisterIdentityServer(server, &identity{name: c.Name})
	csi.RegisterControllerServer(server, &controller{
		store: c.Store, faults: fault.NewInjector(), plain: c.Plain,
	})
	csi.RegisterNodeServer(server, &node{name: c.Node, store: c.Store})
	return server
}

// logged writes a line for each call: failed ones as warnings, the sidecars'
// and kubelet's polling only at debug level.
func logged(log *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		start := time.Now()
		resp, err := handler(ctx, req)
		level := slog.LevelDebug
		switch {
		case err != nil:
			level = slog.LevelWarn
		case subject(req) != "":
			level = slog.LevelInfo
		}
		attrs := []slog.Attr{
			slog.String("call", info.FullMethod), slog.String("subject", subject(req)),
			slog.Duration("took", time.Since(start)), slog.String("code", status.Code(err).String()),
		}
		if err != nil {
			attrs = append(attrs, slog.String("error", status.Convert(err).Message()))
		}
		log.LogAttrs(ctx, level, "called", attrs...)
		return resp, err
	}
}

// subject returns what a call that changes something is about.
func subject(req any) string {
	switch r := req.(type) {
	case *csi.CreateVolumeRequest:
		return r.GetName()
	case *csi.CreateSnapshotRequest:
		return r.GetName()
	case *csi.DeleteVolumeRequest:
		return r.GetVolumeId()
	case *csi.DeleteSnapshotRequest:
		return r.GetSnapshotId()
	case *csi.NodePublishVolumeRequest:
		return r.GetVolumeId()
	case *csi.NodeUnpublishVolumeRequest:
		return r.GetVolumeId()
	}
	return ""
}
