package service

import (
	"context"
	"errors"
	"strings"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/backube/scribe-gen/test/cluster/components/driver/backing"
	"github.com/backube/scribe-gen/test/cluster/components/driver/fault"
	"github.com/backube/scribe-gen/test/cluster/components/driver/store"
)

// defaultSize is that of a volume for which none is asked, in bytes.
const defaultSize = 1 << 30

// backingParameter names the kind of backing in a StorageClass.
const backingParameter = "backing"

// fromSidecar begins the names of what the sidecars add with
// --extra-create-metadata.
const fromSidecar = "csi.storage.k8s.io/"

// wanted returns the volume that a request asks for.
func (c *controller) wanted(req *csi.CreateVolumeRequest) (store.Volume, error) {
	if req.GetName() == "" {
		return store.Volume{}, missing("name")
	}
	if len(req.GetVolumeCapabilities()) == 0 {
		return store.Volume{}, missing("volume capabilities")
	}
	if err := mountable(req.GetVolumeCapabilities()...); err != nil {
		return store.Volume{}, status.Error(codes.InvalidArgument, err.Error())
	}
	kind, err := backingOf(req.GetParameters())
	if err != nil {
		return store.Volume{}, status.Error(codes.InvalidArgument, err.Error())
	}
	source, least, err := c.source(req.GetVolumeContentSource())
	if err != nil {
		return store.Volume{}, err
	}
	size, err := sizeOf(req.GetCapacityRange(), least, kind)
	if err != nil {
		return store.Volume{}, err
	}
	return store.Volume{
		Name: req.GetName(), Size: size, Backing: kind, Source: source, Parameters: req.GetParameters(),
	}, nil
}

// backingOf returns the kind of backing that a StorageClass asks for, and refuses
// parameters that nobody reads.
func backingOf(parameters map[string]string) (string, error) {
	for key := range parameters {
		if key != backingParameter && !strings.HasPrefix(key, fault.Prefix) && !strings.HasPrefix(key, fromSidecar) {
			return "", errors.New("unknown parameter " + key + ": use backing or " + fault.Prefix + "*")
		}
	}
	switch kind := parameters[backingParameter]; kind {
	case "", store.Tree:
		return store.Tree, nil
	case store.Image:
		return kind, nil
	default:
		return "", errors.New("parameter backing: " + kind + " is neither " + store.Tree + " nor " + store.Image)
	}
}

// source returns the content source and its size in bytes.
func (c *controller) source(from *csi.VolumeContentSource) (store.Source, int64, error) {
	switch {
	case from == nil:
		return store.Source{}, 0, nil
	case c.plain:
		return store.Source{}, 0, status.Error(codes.InvalidArgument, "this driver makes no volumes from other volumes or snapshots")
	case from.GetVolume() != nil:
		v, err := c.store.Volume(from.GetVolume().GetVolumeId())
		return store.Source{Volume: v.ID}, v.Size, statusOf(err)
	case from.GetSnapshot() != nil:
		s, err := c.store.Snapshot(from.GetSnapshot().GetSnapshotId())
		if err == nil {
			err = usable(s)
		}
		return store.Source{Snapshot: s.ID}, s.Size, statusOf(err)
	}
	return store.Source{}, 0, missing("volume or snapshot of the content source")
}

// sizeOf returns the size of a volume that has to hold least bytes of another.
func sizeOf(capacity *csi.CapacityRange, least int64, kind string) (int64, error) {
	required, limit := capacity.GetRequiredBytes(), capacity.GetLimitBytes()
	if required < 0 || limit < 0 || limit > 0 && limit < required {
		return 0, status.Errorf(codes.InvalidArgument, "capacity range from %d to %d bytes is invalid", required, limit)
	}
	size := required
	switch {
	case required > 0 && required < least:
		return 0, status.Errorf(codes.OutOfRange, "%d bytes are fewer than the %d of the content source", required, least)
	case required == 0 && least > 0:
		size = least
	case required == 0 && limit > 0:
		size = min(defaultSize, limit)
	case required == 0:
		size = defaultSize
	}
	if kind == store.Image {
		const block = 4096
		size = max(backing.MinImageSize, (size+block-1)/block*block)
	}
	if limit > 0 && size > limit {
		return 0, status.Errorf(codes.OutOfRange, "the volume needs %d bytes, more than the limit of %d", size, limit)
	}
	return size, nil
}

// mountable refuses capabilities that this driver lacks. Any access mode will do,
// as there is one node.
func mountable(capabilities ...*csi.VolumeCapability) error {
	for _, capability := range capabilities {
		switch {
		case capability.GetBlock() != nil:
			return errors.New("raw block volumes are not supported: use volumeMode Filesystem")
		case capability.GetMount() == nil:
			return errors.New("the volume capability has no access type")
		case capability.GetAccessMode().GetMode() == csi.VolumeCapability_AccessMode_UNKNOWN:
			return errors.New("the volume capability has no access mode")
		}
	}
	return nil
}

func missing(what string) error {
	return status.Errorf(codes.InvalidArgument, "the request has no %s", what)
}

// statusOf returns err with the gRPC status that the specification asks for.
func statusOf(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	code := codes.Internal
	switch {
	case errors.Is(err, store.ErrNotFound):
		code = codes.NotFound
	case errors.Is(err, context.Canceled):
		code = codes.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		code = codes.DeadlineExceeded
	}
	return status.Error(code, err.Error())
}
