package apiserver

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/test/internal/kube"
)

// admit asks the server whether it would take the pod, which is not made.
func admit(t *testing.T, c *kube.Cluster, pod *corev1.Pod) error {
	t.Helper()
	object, err := kube.Untyped(pod)
	require.NoError(t, err)
	applied, err := c.Apply(t.Context(), object, kube.DryRun)
	if err != nil {
		return err
	}
	for _, w := range applied.Warnings {
		// Argo makes pods' names from those of workflows; kubelets shorten them.
		assert.Contains(t, w, "used in the Pod's hostname", pod.Name)
	}
	return nil
}

// prepared compiles and applies the fixture in namespaces that enforce the level,
// after what is set up first, with what a user must have made before: the movers'
// account and PriorityClass.
func (f fixture) prepared(t *testing.T, c *kube.Cluster, level string, setup ...func(*testing.T, *kube.Cluster, string)) []bundle {
	t.Helper()
	mover := f.parse(t).Spec.Mover
	bundles := f.compile(t, c, kube.Enforce(level))
	if mover.PriorityClassName != "" {
		_, err := c.Client.SchedulingV1().PriorityClasses().Create(t.Context(), &schedulingv1.PriorityClass{
			ObjectMeta: metav1.ObjectMeta{Name: mover.PriorityClassName},
		}, metav1.CreateOptions{})
		require.True(t, err == nil || apierrors.IsAlreadyExists(err), "%v", err)
	}
	for _, b := range bundles {
		for _, set := range setup {
			set(t, c, b.Namespace)
		}
		if mover.ServiceAccountName != "" {
			_, err := c.Client.CoreV1().ServiceAccounts(b.Namespace).Create(t.Context(), &corev1.ServiceAccount{
				ObjectMeta: metav1.ObjectMeta{Name: mover.ServiceAccountName},
			}, metav1.CreateOptions{})
			require.NoError(t, err)
		}
		c.Install(t, b.objects)
	}
	return bundles
}

// Namespaces that enforce the Pod Security Standard which the spec's privileges
// promise take every pod, the containers that the engine adds included.
func TestPodsMeetThePodSecurityStandards(t *testing.T) {
	each(t, func(t *testing.T, c *kube.Cluster, f fixture) {
		level := kube.Baseline
		if f.parse(t).Spec.Mover.Privileges == spec.PrivilegesRestricted {
			level = kube.Restricted
		}
		for _, b := range f.prepared(t, c, level) {
			for name, pod := range f.engine.pods(t, c, b, podSettings{}) {
				assert.NoError(t, admit(t, c, pod), name)
			}
		}
	})
}

// A namespace that enforces "restricted" refuses movers that are root, and only
// those.
func TestRestrictedRefusesOwners(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		for _, b := range named(t, e, "wikidata").prepared(t, c, kube.Restricted) {
			for name, pod := range e.pods(t, c, b, podSettings{}) {
				err := admit(t, c, pod)
				if !root(pod) {
					assert.NoError(t, err, name)
					continue
				}
				require.True(t, apierrors.IsForbidden(err), "%s: %v", name, err)
				assert.ErrorContains(t, err, `violates PodSecurity "restricted:latest"`)
				assert.ErrorContains(t, err, fmt.Sprintf("container %q must not include", main(pod).Name))
				// Nothing else is wrong with them, or with the containers that are added.
				for _, other := range []string{"allowPrivilegeEscalation", "capabilities.drop", "seccompProfile", "restricted volume types"} {
					assert.NotContains(t, err.Error(), other)
				}
			}
		}
	})
}

// main is the container of the step itself.
func main(pod *corev1.Pod) *corev1.Container { return &pod.Spec.Containers[len(pod.Spec.Containers)-1] }

// root reports whether the step is root, which its container says, or else the pod.
func root(pod *corev1.Pod) bool {
	user := pod.Spec.SecurityContext.RunAsUser
	if own := main(pod).SecurityContext.RunAsUser; own != nil {
		user = own
	}
	return *user == 0
}

// Without the patch of the containers that Argo adds, "restricted" would refuse
// every pod: they are seen.
func TestContainersThatArgoAddsAreJudged(t *testing.T) {
	c := server(t)
	for _, b := range named(t, onArgo, "restricted").prepared(t, c, kube.Restricted) {
		for name, pod := range onArgo.pods(t, c, b, podSettings{unpatched: true}) {
			err := admit(t, c, pod)
			require.True(t, apierrors.IsForbidden(err), "%s: %v", name, err)
			assert.ErrorContains(t, err, `"init", "wait"`)
		}
	}
}

// "baseline" is enforced, too: a privileged container is refused.
func TestBaselineRefusesPrivileged(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		b := named(t, e, "wikidata").prepared(t, c, kube.Baseline)[0]
		yes := true
		for name, pod := range e.pods(t, c, b, podSettings{}) {
			main(pod).SecurityContext = &corev1.SecurityContext{Privileged: &yes}
			assert.ErrorContains(t, admit(t, c, pod), `violates PodSecurity "baseline:latest"`, name)
		}
	})
}
