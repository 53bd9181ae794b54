package tekton

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/backube/scribe-gen/templates/enginetest"
)

// A run that is started and one by hand at the edge are the same.
func TestStartedRunIsThatOfTheEdge(t *testing.T) {
	for _, edge := range []string{"branch", "kiosk"} {
		sent := named[*corev1.ConfigMap](t, enginetest.ObjectsAt(t, Engine{}, "fan-out/hub"), "-start-"+edge+"-run")
		own := named[*corev1.ConfigMap](t, enginetest.ObjectsAt(t, Engine{}, "fan-out/"+edge), "-dst-run")
		assert.Equal(t, own.Data[SkeletonKey], sent.Data[startKey])
	}
}

// A failure of a start is the run's, and neither start waits for the other.
func TestStartsStandAlone(t *testing.T) {
	p := enginetest.Find[*tektonv1.Pipeline](t, enginetest.ObjectsAt(t, Engine{}, "fan-out/hub"))
	require.Len(t, p.Spec.Tasks, 4)
	for _, task := range p.Spec.Tasks[2:] {
		assert.Equal(t, []string{"push"}, task.RunAfter)
		assert.Empty(t, task.OnError)
	}
}

// Names of Tasks become labels. They stay as they are when they fit, and different
// when they do not.
func TestTaskName(t *testing.T) {
	assert.Equal(t, "scribe-wiki-dr-src-push", TaskName("scribe-wiki-dr-src", "push"))
	pipeline, seen := strings.Repeat("p", 52), map[string]bool{}
	for _, step := range []string{"snapshot", "start-" + strings.Repeat("s", 34), "start-" + strings.Repeat("s", 35)} {
		name := TaskName(pipeline, step)
		assert.Empty(t, validation.IsDNS1123Label(name))
		seen[name] = true
	}
	assert.Len(t, seen, 3)
	assert.Empty(t, validation.IsDNS1123Label(TaskName(strings.Repeat("p", 51), "-"+strings.Repeat("s", 35))))
}
