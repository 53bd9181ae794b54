package service

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/backube/scribe-gen/test/cluster/components/driver/fault"
	"github.com/backube/scribe-gen/test/cluster/components/driver/store"
)

// CreateSnapshot cuts a snapshot. The sidecar repeats the call until the snapshot
// is ready.
func (c *controller) CreateSnapshot(ctx context.Context, req *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	switch {
	case c.plain:
		return nil, status.Error(codes.Unimplemented, "this driver makes no snapshots")
	case req.GetName() == "":
		return nil, missing("name")
	case req.GetSourceVolumeId() == "":
		return nil, missing("source volume id")
	}
	snap, err := c.store.Snapshot(store.ID(req.GetName()))
	if errors.Is(err, store.ErrNotFound) {
		snap, err = c.cut(ctx, req)
	}
	if err != nil {
		return nil, statusOf(err)
	}
	if snap.Volume != req.GetSourceVolumeId() {
		return nil, status.Errorf(codes.AlreadyExists, "snapshot %s exists, of volume %s", snap.ID, snap.Volume)
	}
	return &csi.CreateSnapshotResponse{Snapshot: &csi.Snapshot{
		SnapshotId: snap.ID, SourceVolumeId: snap.Volume, SizeBytes: snap.Size,
		CreationTime: timestamppb.New(snap.Created), ReadyToUse: snap.Ready(time.Now()),
	}}, nil
}

// cut makes the snapshot unless its VolumeSnapshotClass says otherwise.
func (c *controller) cut(ctx context.Context, req *csi.CreateSnapshotRequest) (store.Snapshot, error) {
	f, err := fault.ForSnapshots(req.GetParameters())
	if err == nil {
		err = onlyFaults(req.GetParameters())
	}
	if err != nil {
		return store.Snapshot{}, status.Error(codes.InvalidArgument, err.Error())
	}
	if err := c.faults.Inject(ctx, "snapshot/"+req.GetName(), f); err != nil {
		return store.Snapshot{}, err
	}
	want := store.Snapshot{Name: req.GetName(), Volume: req.GetSourceVolumeId(), Parameters: req.GetParameters()}
	return c.store.CreateSnapshot(ctx, want, f.ReadyAfter)
}

// onlyFaults refuses parameters of a VolumeSnapshotClass that nobody reads.
func onlyFaults(parameters map[string]string) error {
	for key := range parameters {
		if !strings.HasPrefix(key, fault.Prefix) && !strings.HasPrefix(key, fromSidecar) {
			return errors.New("unknown parameter " + key + ": use " + fault.Prefix + "*")
		}
	}
	return nil
}

// usable refuses a snapshot that is not ready.
func usable(s store.Snapshot) error {
	if s.Ready(time.Now()) {
		return nil
	}
	return status.Errorf(codes.Unavailable, "snapshot %s is not ready to use before %s", s.ID, s.ReadyAt.Format(time.RFC3339))
}

func (c *controller) DeleteSnapshot(ctx context.Context, req *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	switch {
	case c.plain:
		return nil, status.Error(codes.Unimplemented, "this driver makes no snapshots")
	case req.GetSnapshotId() == "":
		return nil, missing("snapshot id")
	}
	if err := c.store.DeleteSnapshot(ctx, req.GetSnapshotId()); err != nil {
		return nil, statusOf(err)
	}
	return &csi.DeleteSnapshotResponse{}, nil
}
