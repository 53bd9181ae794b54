package spec_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/generator/spec"
)

func TestDefault(t *testing.T) {
	replications, problems := spec.Parse("spec.yaml", []byte(edited(t, "rsync: {}", "rsync: {}\n  schedule: {cron: '@daily'}")))
	require.NoError(t, problems.Err())
	limit := 4
	want := spec.Spec{
		Sites: map[string]spec.Site{
			"primary":   {Namespace: "wiki", Engine: spec.EngineArgo},
			"secondary": {Namespace: "wiki-dr", Engine: spec.EngineArgo},
		},
		Source: spec.Source{Site: "primary", PersistentVolumeClaim: "wikidata", CopyMethod: spec.CopyAuto},
		Destinations: []spec.Destination{{
			Site: "secondary", PersistentVolumeClaim: "wikidata", CopyMethod: spec.CopySnapshot,
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Retain:      spec.Retain{Last: 3},
		}},
		Rsync:    &spec.Rsync{Service: spec.Service{Type: corev1.ServiceTypeClusterIP, Port: 2222}, Compress: spec.CompressAuto},
		Guard:    spec.Guard{MaxDelete: "50%"},
		Schedule: &spec.Schedule{Cron: "@daily", TimeZone: "Etc/UTC"},
		Retry:    spec.Retry{Limit: &limit, Backoff: "20s", MaxBackoff: "5m"},
		Timeout:  "6h",
		Mover:    spec.Mover{Privileges: spec.PrivilegesOwner},
	}
	assert.Equal(t, want, replications[0].Spec)

	spec.Default(replications[0])
	assert.Equal(t, want, replications[0].Spec, "defaults set twice")
}

func TestDefaultsThatDepend(t *testing.T) {
	limit := 0
	r := &spec.Replication{Spec: spec.Spec{
		Source: spec.Source{Capacity: "5Gi"},
		Destinations: []spec.Destination{
			{},
			{Capacity: "9Gi", Retain: spec.Retain{Daily: 7}},
			{CopyMethod: spec.CopyDirect},
		},
		Rclone: &spec.Rclone{CustomCA: &spec.CustomCA{}},
		Retry:  spec.Retry{Limit: &limit, Backoff: "10m"},
	}}
	spec.Default(r)
	d := r.Spec.Destinations
	assert.Equal(t, "5Gi", d[0].Capacity, "the source's capacity")
	assert.Equal(t, "9Gi", d[1].Capacity)
	assert.Equal(t, spec.Retain{Daily: 7}, d[1].Retain, "any rule replaces the default")
	assert.Zero(t, d[2].Retain, "without replica snapshots there is nothing to retain")
	assert.Equal(t, "ca.crt", r.Spec.Rclone.CustomCA.Key)
	assert.Equal(t, 0, *r.Spec.Retry.Limit, "no retry is a choice")
	assert.Equal(t, "10m", r.Spec.Retry.MaxBackoff, "never shorter than the first wait")
}
