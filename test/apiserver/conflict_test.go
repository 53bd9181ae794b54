package apiserver

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/backube/scribe-gen/test/internal/kube"
)

// edits are what people change in the objects of a bundle, and the field that a
// conflict must name.
var edits = []struct {
	kind  string
	field string
	edit  func(object map[string]any) error
}{
	{"CronWorkflow", ".spec.schedules", set([]any{"0 0 1 1 *"}, "spec", "schedules")},
	{"WorkflowTemplate", ".spec.activeDeadlineSeconds", set(int64(7), "spec", "activeDeadlineSeconds")},
	{"ConfigMap", ".data.filters", set("- everything\n", "data", "filters")},
	{"ServiceAccount", `.metadata.labels.scribe.backube/replication`, set("other", "metadata", "labels", "scribe.backube/replication")},
	{"Role", ".rules", set([]any{}, "rules")},
	{"ClusterRole", ".rules", set([]any{}, "rules")},
	{"Service", ".spec.type", set("ClusterIP", "spec", "type")},
	{"NetworkPolicy", ".spec.ingress", set([]any{map[string]any{}}, "spec", "ingress")},
}

func set(value any, path ...string) func(map[string]any) error {
	return func(object map[string]any) error { return unstructured.SetNestedField(object, value, path...) }
}

// What a person has changed by "kubectl edit" is not overwritten silently: the
// conflict names the field and who has it. Forcing takes it back.
func TestEditsAreConflicts(t *testing.T) {
	c := server(t)
	var objects []*unstructured.Unstructured
	for _, b := range named(t, "wikidata").compile(t, c, nil) {
		c.Install(t, b.objects)
		objects = append(objects, b.objects...)
	}
	for _, e := range edits {
		t.Run(e.kind, func(t *testing.T) {
			object := first(t, objects, e.kind)
			edit(t, c, object, "kubectl-edit", e.edit)
			_, err := c.Apply(t.Context(), object)
			require.True(t, apierrors.IsConflict(err), "%v", err)
			assert.ErrorContains(t, err, e.field)
			assert.ErrorContains(t, err, "kubectl-edit")
			forced, err := c.Apply(t.Context(), object, kube.Force)
			require.NoError(t, err)
			storedAsApplied(t, object, forced.Object)
		})
	}
}

// What the bundle does not say is left to others: a schedule that was suspended by
// hand stays so.
func TestSuspendingByHandStays(t *testing.T) {
	c := server(t)
	for _, b := range named(t, "wikidata").compile(t, c, nil) {
		c.Install(t, b.objects)
		object := first(t, b.objects, "CronWorkflow")
		edit(t, c, object, "argo", set(true, "spec", "suspend"))
		again, err := c.Apply(t.Context(), object)
		require.NoError(t, err)
		suspended, _, err := unstructured.NestedBool(again.Object.Object, "spec", "suspend")
		require.NoError(t, err)
		assert.True(t, suspended)
	}
}

// edit changes the stored object as a field manager, as tools do that read,
// modify and write.
func edit(t *testing.T, c *kube.Cluster, object *unstructured.Unstructured, manager string, change func(map[string]any) error) {
	t.Helper()
	live, err := c.Get(t.Context(), object)
	require.NoError(t, err)
	require.NoError(t, change(live.Object))
	resource, err := c.Resource(object)
	require.NoError(t, err)
	_, err = resource.Update(t.Context(), live, metav1.UpdateOptions{FieldManager: manager})
	require.NoError(t, err)
}

// first returns the first object of a kind.
func first(t *testing.T, objects []*unstructured.Unstructured, kind string) *unstructured.Unstructured {
	t.Helper()
	for _, o := range objects {
		if o.GetKind() == kind {
			return o
		}
	}
	require.Fail(t, "no "+kind)
	return nil
}
