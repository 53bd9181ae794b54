//go:build e2e

package e2e

import (
	"cmp"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/test/e2e/internal/job"
)

// The copy methods on each class of storage, and what Auto makes of each.
func TestCopyMethods(t *testing.T) {
	for _, test := range []struct {
		name string
		// class is the cluster's ordinary one when it is empty.
		class  string
		method spec.CopyMethod
		want   string
	}{
		{"clone", "", spec.CopyClone, "Clone"},
		{"snapshot", "", spec.CopySnapshot, "Snapshot"},
		{"direct", "", spec.CopyDirect, "Direct"},
		{"auto", "", spec.CopyAuto, shared.auto},
		{"clone where volumes wait for a consumer", "wffc", spec.CopyClone, "Clone"},
		{"snapshot where volumes wait for a consumer", "wffc", spec.CopySnapshot, "Snapshot"},
		{"auto where volumes wait for a consumer", "wffc", spec.CopyAuto, "Snapshot"},
		{"auto where the driver can do neither", "plain", spec.CopyAuto, "Direct"},
		{"auto where the driver can do neither and waits", "plain-wffc", spec.CopyAuto, "Direct"},
	} {
		t.Run(test.name, func(t *testing.T) {
			class := cmp.Or(test.class, shared.class)
			proves(t, string(test.method)+" on class "+class+" reads by "+test.want+", the replica is identical, the copy goes", onEach, func(t *testing.T, on pair) {
				if test.class != "" {
					needsOwnCluster(t, "StorageClass "+class+" of the test driver")
				}
				w := newWorld(t, on, func(r *spec.Replication) { r.Spec.Source.CopyMethod = test.method })
				data := w.seedPlain(class, 30)
				w.apply()
				w.connect()
				source, _ := w.sync()
				assert.Equal(t, test.want, source.method(t))
				w.identical(data, w.replicaSnapshot(w.committed(source)))
				w.clean()
			})
		})
	}
}

func TestWaitForFirstConsumer(t *testing.T) {
	proves(t, "source, copy, replica and promoted claim may all wait for their first consumer: nothing waits for what waits for it", onEach, func(t *testing.T, on pair) {
		needsOwnCluster(t, "StorageClass wffc of the test driver")
		w := newWorld(t, on, func(r *spec.Replication) { r.Spec.Destinations[0].StorageClassName = "wffc" })
		data := w.seed("wffc")
		w.apply()
		w.connect()
		source, _ := w.sync()
		w.identical(data, w.replicaSnapshot(w.committed(source)))

		out, _ := w.scribe(0, "promote", "-o", "json")
		var promoted struct{ Claim string }
		require.NoError(t, json.Unmarshal([]byte(out), &promoted))
		w.bind(w.replica, promoted.Claim)
		w.identical(data, w.volume(w.replica, promoted.Claim))
		w.clean()
	})
}

func TestReplicaWithoutSnapshots(t *testing.T) {
	proves(t, "a destination with copyMethod Direct on a driver that cannot snapshot is kept identical without replica snapshots", onEach, func(t *testing.T, on pair) {
		needsOwnCluster(t, "StorageClass plain of the test driver")
		w := newWorld(t, on, func(r *spec.Replication) {
			r.Spec.Destinations[0].CopyMethod = spec.CopyDirect
			r.Spec.Destinations[0].StorageClassName = "plain"
		})
		data := w.seedPlain(w.class, 30)
		w.apply()
		w.connect()
		source, _ := w.sync()
		assert.Equal(t, source.ID, w.state().Last.Run)
		assert.Empty(t, w.replicaSnapshots())
		w.identical(data, w.volume(w.replica, claim))
		w.clean()
	})
}

func TestSameSite(t *testing.T) {
	proves(t, "source and replica in one namespace: one pipeline, no network, no keys; on the own cluster to another class of storage", onOne, func(t *testing.T, on pair) {
		w := newWorld(t, on, func(r *spec.Replication) {
			r.Spec.Sites = map[string]spec.Site{"primary": r.Spec.Sites["primary"]}
			r.Spec.Destinations[0].Site = "primary"
			r.Spec.Destinations[0].PersistentVolumeClaim = "second"
			if shared.own != nil {
				r.Spec.Destinations[0].StorageClassName = "wffc"
			}
		})
		w.replica = w.source
		data := w.seed(w.class)
		w.apply()
		w.succeeded(w.startSource())
		w.work(data, job.Mutate(20, 5))
		source := w.startSource()
		w.succeeded(source)
		w.identical(data, w.replicaSnapshot(w.committed(source)))
	})
}
