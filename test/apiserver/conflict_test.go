package apiserver

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/backube/scribe-gen/test/internal/kube"
)

// edited is a value that a person gives to a field of a kind.
type edited struct {
	kind  string
	value any
	field []string
}

// edits are of the kinds that bundles of every engine have.
var edits = []edited{
	{"ConfigMap", "- everything\n", []string{"data", "filters"}},
	{"ServiceAccount", "other", []string{"metadata", "labels", "scribe.backube/replication"}},
	{"Role", []any{}, []string{"rules"}},
	{"ClusterRole", []any{}, []string{"rules"}},
	{"Service", "ClusterIP", []string{"spec", "type"}},
	{"NetworkPolicy", []any{map[string]any{}}, []string{"spec", "ingress"}},
}

// What a person has changed by "kubectl edit" is not overwritten silently: the
// conflict names the field and who has it. Forcing takes it back.
func TestEditsAreConflicts(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		var objects []*unstructured.Unstructured
		for _, b := range named(t, e, "wikidata").compile(t, c, nil) {
			c.Install(t, b.objects)
			objects = append(objects, b.objects...)
		}
		for _, change := range slices.Concat(edits, e.edits) {
			field := "." + strings.Join(change.field, ".")
			t.Run(change.kind+field, func(t *testing.T) {
				object := first(t, objects, change.kind, change.field...)
				edit(t, c, object, "kubectl-edit", change)
				_, err := c.Apply(t.Context(), object)
				require.True(t, apierrors.IsConflict(err), "%v", err)
				assert.ErrorContains(t, err, field)
				assert.ErrorContains(t, err, "kubectl-edit")
				forced, err := c.Apply(t.Context(), object, kube.Force)
				require.NoError(t, err)
				e.storedAsApplied(t, object, forced.Object)
			})
		}
	})
}

// What the bundle does not say is left to others: a schedule that was suspended by
// hand stays so.
func TestSuspendingByHandStays(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		for _, b := range named(t, e, "wikidata").compile(t, c, nil) {
			c.Install(t, b.objects)
			object := first(t, b.objects, e.schedule)
			edit(t, c, object, "kubectl-patch", edited{value: true, field: []string{"spec", "suspend"}})
			again, err := c.Apply(t.Context(), object)
			require.NoError(t, err)
			suspended, _, err := unstructured.NestedBool(again.Object.Object, "spec", "suspend")
			require.NoError(t, err)
			assert.True(t, suspended)
		}
	})
}

// edit changes the stored object as a field manager, as tools do that read,
// modify and write.
func edit(t *testing.T, c *kube.Cluster, object *unstructured.Unstructured, manager string, change edited) {
	t.Helper()
	live, err := c.Get(t.Context(), object)
	require.NoError(t, err)
	require.NoError(t, unstructured.SetNestedField(live.Object, change.value, change.field...))
	resource, err := c.Resource(object)
	require.NoError(t, err)
	_, err = resource.Update(t.Context(), live, metav1.UpdateOptions{FieldManager: manager})
	require.NoError(t, err)
}

// first returns the first object of a kind that has the field.
func first(t *testing.T, objects []*unstructured.Unstructured, kind string, field ...string) *unstructured.Unstructured {
	t.Helper()
	for _, o := range objects {
		_, found, err := unstructured.NestedFieldNoCopy(o.Object, field...)
		if o.GetKind() == kind && found && err == nil {
			return o
		}
	}
	require.Fail(t, "no "+kind+" with "+strings.Join(field, "."))
	return nil
}
