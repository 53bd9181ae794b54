package kubernetes

import (
	"context"
	"log/slog"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/gentype"
	"k8s.io/client-go/rest"
)

// connection is clients of the two API groups that the store uses. The clientset
// of client-go would link every group that Kubernetes has, which nearly doubles a
// step's binary.
type connection struct {
	core, snapshots rest.Interface
	parameters      runtime.ParameterCodec
	namespace       string
	caller          caller
}

func connect(config *rest.Config, namespace string, log *slog.Logger) (connection, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, snapshotv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return connection{}, err
		}
	}
	config = rest.CopyConfig(config)
	config.UserAgent = "scribe"
	// A step makes few requests. The API server's own fairness bounds them.
	config.QPS = -1
	config.WarningHandlerWithContext = warnings{log}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return connection{}, err
	}
	group := func(path string, version schema.GroupVersion) (rest.Interface, error) {
		config := rest.CopyConfig(config)
		config.APIPath, config.GroupVersion = path, &version
		config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
		return rest.RESTClientForConfigAndClient(config, client)
	}
	core, err := group("/api", corev1.SchemeGroupVersion)
	if err != nil {
		return connection{}, err
	}
	snapshots, err := group("/apis", snapshotv1.SchemeGroupVersion)
	if err != nil {
		return connection{}, err
	}
	return connection{
		core: core, snapshots: snapshots, parameters: runtime.NewParameterCodec(scheme),
		namespace: namespace, caller: caller{log: log, patience: patience, grace: grace},
	}, nil
}

// clusterWide is for resources that belong to no namespace. A right to read them
// may be missing on purpose, so that nobody waits for it.
func (c connection) clusterWide() connection {
	c.namespace, c.caller.grace = "", 0
	return c
}

// newCollection is the objects of one resource.
func newCollection[T object, L runtime.Object](c connection, group rest.Interface, resource string, one func() T, many func() L) collection[T] {
	return collect(c.caller, resource, typed[T, L](gentype.NewClientWithList(resource, group, c.parameters, c.namespace, one, many)))
}

// warnings logs what the API server warns of.
type warnings struct{ log *slog.Logger }

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (w warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _ string, text string) {
	if code == 299 && text != "" {
		w.log.Warn("the API server warns", "warning", text)
	}
}
