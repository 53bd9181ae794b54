package service

import (
	"context"
	"errors"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/backube/scribe-gen/test/cluster/components/driver/fault"
	"github.com/backube/scribe-gen/test/cluster/components/driver/store"
)

type controller struct {
	csi.UnimplementedControllerServer
	store  *store.Store
	faults *fault.Injector
	plain  bool
}

func (c *controller) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	types := []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER,
	}
	if !c.plain {
		types = append(types,
			csi.ControllerServiceCapability_RPC_CLONE_VOLUME,
			csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT)
	}
	var resp csi.ControllerGetCapabilitiesResponse
	for _, t := range types {
		rpc := csi.ControllerServiceCapability_RPC{Type: t}
		resp.Capabilities = append(resp.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: &rpc},
		})
	}
	return &resp, nil
}

func (c *controller) CreateVolume(ctx context.Context, req *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	want, err := c.wanted(req)
	if err != nil {
		return nil, err
	}
	v, err := c.store.Volume(store.ID(want.Name))
	if errors.Is(err, store.ErrNotFound) {
		v, err = c.create(ctx, want)
	}
	if err != nil {
		return nil, statusOf(err)
	}
	if err := compatible(v, want, req.GetCapacityRange()); err != nil {
		return nil, err
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: v.ID, CapacityBytes: v.Size, ContentSource: req.GetVolumeContentSource(),
	}}, nil
}

// create makes the volume unless its StorageClass says otherwise.
func (c *controller) create(ctx context.Context, want store.Volume) (store.Volume, error) {
	f, err := fault.ForVolumes(want.Parameters)
	if err != nil {
		return store.Volume{}, status.Error(codes.InvalidArgument, err.Error())
	}
	if f.Applies(kindOf(want.Source)) {
		if err := c.faults.Inject(ctx, "volume/"+want.Name, f); err != nil {
			return store.Volume{}, err
		}
	}
	return c.store.CreateVolume(ctx, want)
}

func kindOf(s store.Source) fault.Source {
	switch {
	case s.Volume != "":
		return fault.Clone
	case s.Snapshot != "":
		return fault.Restore
	}
	return ""
}

// compatible refuses to take a volume that exists for one that differs.
func compatible(v, want store.Volume, capacity *csi.CapacityRange) error {
	limit := capacity.GetLimitBytes()
	switch {
	case v.Size < capacity.GetRequiredBytes() || limit > 0 && v.Size > limit:
		return status.Errorf(codes.AlreadyExists, "volume %s exists with %d bytes, which is outside the range asked for", v.ID, v.Size)
	case v.Source != want.Source:
		return status.Errorf(codes.AlreadyExists, "volume %s exists and was made from another content source", v.ID)
	case v.Backing != want.Backing:
		return status.Errorf(codes.AlreadyExists, "volume %s exists with backing %s, not %s", v.ID, v.Backing, want.Backing)
	}
	return nil
}

func (c *controller) DeleteVolume(ctx context.Context, req *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	if req.GetVolumeId() == "" {
		return nil, missing("volume id")
	}
	if err := c.store.DeleteVolume(ctx, req.GetVolumeId()); err != nil {
		return nil, statusOf(err)
	}
	return &csi.DeleteVolumeResponse{}, nil
}

func (c *controller) ValidateVolumeCapabilities(_ context.Context, req *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if req.GetVolumeId() == "" {
		return nil, missing("volume id")
	}
	if len(req.GetVolumeCapabilities()) == 0 {
		return nil, missing("volume capabilities")
	}
	if _, err := c.store.Volume(req.GetVolumeId()); err != nil {
		return nil, statusOf(err)
	}
	if err := mountable(req.GetVolumeCapabilities()...); err != nil {
		return &csi.ValidateVolumeCapabilitiesResponse{Message: err.Error()}, nil
	}
	return &csi.ValidateVolumeCapabilitiesResponse{
		Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
			VolumeContext: req.GetVolumeContext(), VolumeCapabilities: req.GetVolumeCapabilities(),
			Parameters: req.GetParameters(),
		},
	}, nil
}
