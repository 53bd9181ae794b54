// Package registration makes a CSI driver known to the kubelet, which finds the
// sockets in its plugins_registry directory.
package registration

import (
	"context"
	"log/slog"

	"google.golang.org/grpc"
	registerapi "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// csiVersion is the version of the interface that the kubelet asks a driver for.
const csiVersion = "1.0.0"

// New returns a server that introduces the driver of that name, which listens on
// the absolute path endpoint.
func New(name, endpoint string, log *slog.Logger) *grpc.Server {
	server := grpc.NewServer()
	registerapi.RegisterRegistrationServer(server, &registration{name: name, endpoint: endpoint, log: log})
	return server
}

type registration struct {
	registerapi.UnimplementedRegistrationServer
	name, endpoint string
	log            *slog.Logger
}

func (r *registration) GetInfo(context.Context, *registerapi.InfoRequest) (*registerapi.PluginInfo, error) {
	return &registerapi.PluginInfo{
		Type: registerapi.CSIPlugin, Name: r.name, Endpoint: r.endpoint, SupportedVersions: []string{csiVersion},
	}, nil
}

// NotifyRegistrationStatus logs what the kubelet says. After a refusal it tries
// again by itself.
func (r *registration) NotifyRegistrationStatus(_ context.Context, status *registerapi.RegistrationStatus) (*registerapi.RegistrationStatusResponse, error) {
	if status.GetPluginRegistered() {
		r.log.Info("registered with the kubelet")
	} else {
		r.log.Error("the kubelet refused the registration", "error", status.GetError())
	}
	return &registerapi.RegistrationStatusResponse{}, nil
}
