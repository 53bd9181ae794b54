package apiserver

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/test/internal/kube"
)

// changes are what people change in a spec that is in use. Claims are left alone:
// no tool can change those once they are made, but for growing them.
var changes = []struct {
	name   string
	change spec.Change
}{
	{"as it was", func(*spec.Replication) {}},
	{"service", func(r *spec.Replication) {
		r.Spec.Rsync.Service.Type, r.Spec.Rsync.Service.Port = corev1.ServiceTypeClusterIP, 22
		r.Spec.Rsync.Service.Annotations = map[string]string{"example.com/lb": "internal"}
	}},
	{"load balancer for a few", func(r *spec.Replication) {
		r.Spec.Rsync.Service.Type = corev1.ServiceTypeLoadBalancer
		r.Spec.Rsync.Service.LoadBalancerSourceRanges = []string{"192.0.2.0/24"}
	}},
	{"node port", func(r *spec.Replication) { r.Spec.Rsync.Service.Type = corev1.ServiceTypeNodePort }},
	{"schedule", func(r *spec.Replication) {
		r.Spec.Schedule = &spec.Schedule{Cron: "7 * * * *", TimeZone: "Asia/Tokyo", Suspend: true}
	}},
	{"accounts", func(r *spec.Replication) { r.Spec.Mover.ServiceAccountName = "movers" }},
	{"copy methods", func(r *spec.Replication) {
		r.Spec.Source.CopyMethod = spec.CopyDirect
		r.Spec.Destinations[0].CopyMethod, r.Spec.Destinations[0].Retain = spec.CopyDirect, spec.Retain{}
	}},
	{"without filters and with less rights", func(r *spec.Replication) {
		r.Spec.Filters.Exclude = nil
		r.Spec.Mover.Privileges = spec.PrivilegesRestricted
		r.Metadata.Labels = map[string]string{"team": "green"}
	}},
	{"as it was in the beginning", func(*spec.Replication) {}},
}

// Every change of a spec can be applied over what is there, without force and
// without deleting anything first: no field of a bundle is immutable.
func TestChangedSpecsAreApplied(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		f := named(t, e, "wikidata")
		namespaces := f.namespaces(t, c, nil)
		for _, change := range changes {
			for _, b := range f.compileIn(t, namespaces, change.change) {
				applied, err := c.ApplyAll(t.Context(), b.objects)
				require.NoError(t, err, change.name)
				for i := range applied {
					assert.Empty(t, applied[i].Warnings, "%s: %s", change.name, kube.Describe(b.objects[i]))
					e.storedAsApplied(t, b.objects[i], applied[i].Object)
				}
			}
		}
	})
}
