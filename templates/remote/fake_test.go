package remote

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"sync"
	"testing"

	snapshotfake "github.com/kubernetes-csi/external-snapshotter/client/v4/clientset/versioned/fake"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	kubetesting "k8s.io/client-go/testing"

	"github.com/backube/scribe-gen/templates/local"
)

// newSession returns a session with clients that keep objects in memory.
func newSession(t *testing.T, objects ...runtime.Object) *Session {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, corev1.AddToScheme(scheme))
	require.NoError(t, rbacv1.AddToScheme(scheme))
	dynamic := dynamicfake.NewSimpleDynamicClient(scheme)
	dynamic.PrependReactor("patch", "*", applyReactor(dynamic))
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"), meta.RESTScopeNamespace)
	mapper.Add(rbacv1.SchemeGroupVersion.WithKind("ClusterRole"), meta.RESTScopeRoot)
	return &Session{
		Site: "dr", Context: "east", Namespace: "wiki-dr", Host: "https://east",
		Core: fake.NewClientset(objects...), Dynamic: dynamic, Mapper: mapper,
		Snapshots: snapshotfake.NewSimpleClientset(), Engine: &fakeEngine{},
	}
}

// applyReactor does what the API server does with an apply of one manager: the
// resource version grows when anything changes.
func applyReactor(client *dynamicfake.FakeDynamicClient) kubetesting.ReactionFunc {
	return func(action kubetesting.Action) (bool, runtime.Object, error) {
		patch := action.(kubetesting.PatchActionImpl)
		wanted := &unstructured.Unstructured{}
		if err := json.Unmarshal(patch.GetPatch(), wanted); err != nil {
			return true, nil, err
		}
		old, err := client.Tracker().Get(patch.GetResource(), patch.GetNamespace(), patch.GetName())
		if apierrors.IsNotFound(err) {
			wanted.SetResourceVersion("1")
			return true, wanted, client.Tracker().Create(patch.GetResource(), wanted, patch.GetNamespace())
		}
		if err != nil {
			return true, nil, err
		}
		before := old.(*unstructured.Unstructured)
		version, _ := strconv.Atoi(before.GetResourceVersion())
		wanted.SetResourceVersion(before.GetResourceVersion())
		if !reflect.DeepEqual(before, wanted) {
			wanted.SetResourceVersion(strconv.Itoa(version + 1))
		}
		return true, wanted, client.Tracker().Update(patch.GetResource(), wanted, patch.GetNamespace())
	}
}

// forbid makes a fake client refuse a verb on a resource.
func forbid(client *kubetesting.Fake, verb, resource string) {
	client.PrependReactor(verb, resource, func(kubetesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "it", errors.New("no"))
	})
}

// whenWatched calls do once somebody watches. What is changed between the list and
// the watch of an informer is lost with fake clients.
func whenWatched(s *Session, do func()) {
	client := s.Core.(*fake.Clientset)
	var once sync.Once
	client.PrependWatchReactor("*", func(action kubetesting.Action) (bool, watch.Interface, error) {
		w, err := client.Tracker().Watch(action.GetResource(), action.GetNamespace())
		go once.Do(do)
		return true, w, err
	})
}

// fakeEngine runs a script instead of pipelines.
type fakeEngine struct {
	// states are what Follow tells one after the other; the last one must have
	// ended, or Stop is awaited and stopped comes last.
	states  []Run
	stopped Run
	submit  error
	// lost ends Follow instead.
	lost error

	mu        sync.Mutex
	submitted []Submission
	stops     chan struct{}
}

func (e *fakeEngine) Submit(_ context.Context, s Submission) (Run, error) {
	if e.submit != nil {
		return Run{}, e.submit
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.submitted = append(e.submitted, s)
	e.stops = make(chan struct{}, 1)
	return Run{Name: s.Pipeline + "-abc", ID: "uid-" + s.Pipeline, Phase: Pending}, nil
}

func (e *fakeEngine) Follow(ctx context.Context, name string, _ func(error), each func(Run)) (Run, error) {
	var last Run
	for _, last = range e.states {
		last.Name = name
		each(last)
	}
	if last.Phase.Ended() || e.lost != nil {
		return last, e.lost
	}
	select {
	case <-e.stops:
		last = e.stopped
		each(last)
		return last, nil
	case <-ctx.Done():
		return last, context.Cause(ctx)
	}
}

func (e *fakeEngine) List(context.Context, string) ([]Run, error) { return e.states, nil }

func (e *fakeEngine) Stop(context.Context, string) error {
	e.stops <- struct{}{}
	return nil
}

func (e *fakeEngine) Delete(context.Context, string) error { return nil }

func (e *fakeEngine) Schedule(context.Context, string) (*Schedule, error) { return nil, nil }

// lines collects what is reported.
type lines struct {
	mu       sync.Mutex
	text     []string
	progress []local.Progress
}

func (l *lines) Line(line local.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, line.Step+": "+line.Message)
}

func (l *lines) Progress(p local.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.progress = append(l.progress, p)
}

func meta1(name string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: "wiki-dr", Labels: labels}
}
