package apiserver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/internal/kube"
)

// longNames is a spec whose names are as long as validation allows. The two sites'
// names and the replication's share one limit.
const longNames = `apiVersion: scribe.backube/v1alpha1
kind: Replication
metadata: {name: %s}
spec:
  sites:
    one: {namespace: %s}
    %s: {namespace: %s}
  source: {site: one, persistentVolumeClaim: %s}
  destinations:
  - {site: %s, persistentVolumeClaim: %s, capacity: 1Gi}
  rsync: {}
  filters: {exclude: ["*.tmp"]}
  schedule: {cron: "*/15 * * * *"}
`

// longest are a long replication's and a long site's name, in namespaces that the
// server fills up to the longest.
func longest(e engine) []fixture {
	var list []fixture
	for _, length := range []int{30, 1} {
		replication, site := strings.Repeat("r", length), strings.Repeat("s", 36-length)
		// The promoted claim's name is made from the replica's.
		claim, replica := strings.Repeat("c", 253), strings.Repeat("d", 253-len("-promoted"))
		data := fmt.Sprintf(longNames, replication, strings.Repeat("n", 57),
			site, strings.Repeat("m", 57), claim, site, replica)
		list = append(list, fixture{engine: e, name: replication, file: "longest", data: []byte(data)})
	}
	return append(list, longestStart(e)...)
}

// longStart is the same for what starts runs, whose own names are made from both
// sites' names.
const longStart = `apiVersion: scribe.backube/v1alpha1
kind: Replication
metadata: {name: %[1]s}
spec:
  sites:
    %[2]s: {namespace: %[4]s}
    %[3]s: {namespace: %[5]s}
  source: {site: %[2]s, persistentVolumeClaim: data, index: {}}
  destinations:
  - {site: %[3]s, persistentVolumeClaim: data, capacity: 1Gi}
  rclone: {configSecret: %[6]s, remote: "store:bucket", trigger: Push}
  schedule: {cron: "*/15 * * * *"}
`

func longestStart(e engine) []fixture {
	var list []fixture
	for _, length := range []int{30, 1} {
		replication := strings.Repeat("q", length)
		data := fmt.Sprintf(longStart, replication, strings.Repeat("h", 36-length), strings.Repeat("s", 36-length),
			strings.Repeat("n", 57), strings.Repeat("m", 57), strings.Repeat("k", 253))
		list = append(list, fixture{engine: e, name: replication, file: "longest", data: []byte(data)})
	}
	return list
}

// What is made from the longest names while a pipeline runs is taken, too: a
// scheduled run, and the objects of the steps.
func TestNamesOfRunsAreShortEnough(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		for _, f := range longest(e) {
			for _, b := range f.compile(t, c, nil) {
				require.Len(t, b.Namespace, 63)
				c.Install(t, b.objects)
				for _, object := range made(t, b) {
					_, err := c.Apply(t.Context(), object, kube.DryRun)
					assert.NoError(t, err)
				}
			}
		}
	})
}

// made are objects that runs of the bundle make.
func made(t *testing.T, b bundle) []*unstructured.Unstructured {
	t.Helper()
	relationship := b.Relationships[0].Name
	labels := fmt.Sprintf("{%s: %s, %s: %s, %s: %s}", contract.LabelReplication, strings.Repeat("r", 30),
		contract.LabelRelationship, relationship, contract.LabelRun, run)
	text := fmt.Sprintf(`
{apiVersion: v1, kind: Secret, metadata: {name: %[1]s, labels: %[6]s}}
---
{apiVersion: v1, kind: Secret, metadata: {name: %[2]s, labels: %[6]s}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: %[3]s, labels: %[6]s}}
---
{apiVersion: snapshot.storage.k8s.io/v1, kind: VolumeSnapshot, metadata: {name: %[4]s, labels: %[6]s},
  spec: {source: {persistentVolumeClaimName: a}}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: %[5]s, labels: %[6]s},
  spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}
`, contract.ListenerSecret(relationship), contract.PushSecret(relationship), contract.StateName(relationship),
		contract.SnapshotName(relationship, run), contract.CopyName(run), labels)
	objects, err := kube.Decode(strings.NewReader(text))
	require.NoError(t, err)
	objects = append(objects, b.engine.scheduled(t, b)...)
	for _, s := range b.engine.starts(t, b) {
		objects = append(objects, s.run)
	}
	for _, p := range b.Relationships[0].Pipelines {
		objects = append(objects, promoted(t, p)...)
	}
	for _, o := range objects {
		o.SetNamespace(b.Namespace)
	}
	return objects
}

// promoted is the claim that a promotion makes unless it is told otherwise.
func promoted(t *testing.T, p plan.Pipeline) []*unstructured.Unstructured {
	t.Helper()
	for _, param := range p.Params {
		if param.Name == "claim" {
			objects, err := kube.Decode(strings.NewReader(fmt.Sprintf(`{apiVersion: v1, kind: PersistentVolumeClaim,
				metadata: {name: %s}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}`, param.Default)))
			require.NoError(t, err)
			return objects
		}
	}
	return nil
}
