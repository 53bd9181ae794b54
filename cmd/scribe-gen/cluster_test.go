package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	snapshotfake "github.com/kubernetes-csi/external-snapshotter/client/v4/clientset/versioned/fake"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/remote"
)

// world is two clusters in memory, with a namespace for each end of wiki-far.
type world struct {
	t        *testing.T
	sessions map[string]*remote.Session
	out, err bytes.Buffer

	mu     sync.Mutex
	events []string
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, sessions: map[string]*remote.Session{}}
	for site, namespace := range map[string]string{"near": "wiki", "far": "wiki-dr"} {
		w.sessions[site] = &remote.Session{
			Site: site, Context: site, Namespace: namespace, Host: "https://" + site,
			Core: fake.NewClientset(), Snapshots: snapshotfake.NewSimpleClientset(),
			Engine: &playedEngine{world: w, namespace: namespace},
		}
	}
	return w
}

func (w *world) event(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, what)
}

func (w *world) open(a remote.Access) (*remote.Session, error) {
	if s := w.sessions[a.Site]; s != nil {
		return s, nil
	}
	return nil, errors.New("site " + a.Site + ": no way there")
}

func (w *world) io() streams { return streams{out: &w.out, err: &w.err} }

// selection is a spec with two Argo sites; more is added to the one of far.
func (w *world) selection(far, method string) selection {
	file := filepath.Join(w.t.TempDir(), "spec.yaml")
	require.NoError(w.t, os.WriteFile(file, []byte(`apiVersion: scribe.backube/v1alpha1
kind: Replication
metadata: {name: wiki}
spec:
  sites:
    near: {namespace: wiki, engine: argo}
    far: {namespace: wiki-dr, engine: argo`+far+`}
  source: {site: near, persistentVolumeClaim: data}
  destinations: [{site: far, persistentVolumeClaim: data, capacity: 1Gi}]
  rsync: `+method+`
  schedule: {cron: "0 3 * * *"}
`), 0o644))
	return selection{paths: []string{file}, open: w.open}
}

// makeKeys does what the keys step does.
func (w *world) makeKeys() {
	w.t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(w.t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(w.t, err)
	host, err := ssh.NewPublicKey(public)
	require.NoError(w.t, err)
	line := ssh.MarshalAuthorizedKey(host)
	for name, data := range map[string]map[string][]byte{
		contract.PushSecret("wiki-far"): {
			contract.KeyClient: pem.EncodeToMemory(block), contract.KeyHostPub: line,
			contract.KeyAddress: []byte("scribe-wiki-far.wiki-dr.svc"), contract.KeyPort: []byte("2222"),
		},
		contract.ListenerSecret("wiki-far"): {contract.KeyClientPub: line, contract.KeyClientPubNext: line},
	} {
		w.create(name, data)
	}
}

func (w *world) create(name string, data map[string][]byte) {
	_, err := w.sessions["far"].Core.CoreV1().Secrets("wiki-dr").Create(context.Background(),
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}, metav1.CreateOptions{})
	assert.NoError(w.t, err)
}

// pushed is the Secret at the source.
func (w *world) pushed() map[string][]byte {
	data, err := w.sessions["near"].Secret(w.t.Context(), contract.PushSecret("wiki-far"))
	require.NoError(w.t, err)
	return data
}

func TestConnectClusters(t *testing.T) {
	w := newWorld(t)
	o := &connectOptions{selection: w.selection("", "{}"), output: formatText}
	err := o.connect(t.Context(), w.io())
	assert.EqualError(t, err, "relationship wiki-far: site far: context far, namespace wiki-dr: read Secret scribe-wiki-far-push: has no keys for the relationship yet")
	w.makeKeys()
	require.NoError(t, o.connect(t.Context(), w.io()))
	assert.Equal(t, "2222", string(w.pushed()[contract.KeyPort]))
	assert.Regexp(t, `Secret +wiki/scribe-wiki-far-push, created\naddress +scribe-wiki-far.wiki-dr.svc, port 2222\nclient key +SHA256:\S+\nhost key +SHA256:`, w.out.String())
	assert.Contains(t, w.err.String(), "warning: site far has no address: scribe-wiki-far.wiki-dr.svc leads nowhere from another cluster")

	w.err.Reset()
	o.selection = w.selection(", address: dr.example.com", "{}")
	require.NoError(t, o.connect(t.Context(), w.io()))
	assert.Equal(t, "dr.example.com", string(w.pushed()[contract.KeyAddress]))
	assert.Empty(t, w.err.String())
}

func TestConnectLoadBalancer(t *testing.T) {
	w := newWorld(t)
	w.makeKeys()
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "scribe-wiki-far"}}
	services := w.sessions["far"].Core.CoreV1().Services("wiki-dr")
	_, err := services.Create(t.Context(), service, metav1.CreateOptions{})
	require.NoError(t, err)
	o := &connectOptions{selection: w.selection("", "{service: {type: LoadBalancer}}"), output: formatJSON}
	err = o.connect(t.Context(), w.io())
	require.ErrorContains(t, err, "Service scribe-wiki-far: its load balancer has no address yet")
	assert.ErrorAs(t, err, &hintedError{})
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "lb.example.com"}}
	_, err = services.UpdateStatus(t.Context(), service, metav1.UpdateOptions{})
	require.NoError(t, err)
	require.NoError(t, o.connect(t.Context(), w.io()))
	assert.Contains(t, w.out.String(), `"address": "lb.example.com"`)
}

func TestConnectRefusesHalfASecret(t *testing.T) {
	w := newWorld(t)
	w.create(contract.PushSecret("wiki-far"), map[string][]byte{contract.KeyPort: []byte("1")})
	o := &connectOptions{selection: w.selection("", "{}"), output: formatText}
	assert.ErrorContains(t, o.connect(t.Context(), w.io()), "lacks the keys client.key, host.pub, address")
	assert.Nil(t, w.pushed())
}

// Between a directory and a cluster the Secret goes, too.
func TestConnectFromADirectory(t *testing.T) {
	w := newWorld(t)
	w.makeKeys()
	data, err := w.sessions["far"].Secret(t.Context(), contract.PushSecret("wiki-far"))
	require.NoError(t, err)
	layout := contract.Layout{Directory: filepath.Join(t.TempDir(), "far")}
	require.NoError(t, os.MkdirAll(layout.Secret(contract.PushSecret("wiki-far")), 0o700))
	for key, value := range data {
		require.NoError(t, os.WriteFile(filepath.Join(layout.Secret(contract.PushSecret("wiki-far")), key), value, 0o400))
	}
	o := &connectOptions{selection: w.selection("", "{}"), output: formatText}
	text, err := os.ReadFile(o.paths[0])
	require.NoError(t, err)
	text = bytes.Replace(text, []byte("{namespace: wiki-dr, engine: argo}"), []byte("{engine: local, directory: "+layout.Directory+", address: host.example.com}"), 1)
	text = bytes.Replace(text, []byte(", capacity: 1Gi"), nil, 1)
	require.NoError(t, os.WriteFile(o.paths[0], text, 0o644))
	require.NoError(t, o.connect(t.Context(), w.io()))
	assert.Equal(t, "host.example.com", string(w.pushed()[contract.KeyAddress]))
}

func TestRunClusters(t *testing.T) {
	w := newWorld(t)
	o := &runOptions{selection: w.selection("", "{}"), output: formatText}
	o.console = newConsole(w.io())
	o.cluster = clusterOptions{noApply: true, cleanup: true}
	require.NoError(t, o.run(t.Context(), w.io()), w.err.String())
	assert.Equal(t, []string{
		"submit scribe-wiki-far-dst", "submit scribe-wiki-far-src", "delete scribe-wiki-far-dst-1", "delete scribe-wiki-far-src-1",
	}, w.events)
	assert.Regexp(t, `run +uid-scribe-wiki-far-src\nresult +done\n`, w.out.String())
	assert.Contains(t, w.err.String(), "near: keys created in wiki/scribe-wiki-far-push")
	assert.Nil(t, w.pushed(), "the keys are cleaned up")
}

func TestRunFailsWithTheStepsExitCode(t *testing.T) {
	w := newWorld(t)
	w.makeKeys()
	w.sessions["near"].Engine.(*playedEngine).fails = &remote.Step{Name: "push", Phase: remote.Failed, Exit: contract.ExitRefused, Message: "promoted"}
	o := &runOptions{selection: w.selection("", "{}"), output: formatJSON}
	o.console = newConsole(w.io())
	o.cluster.noApply = true
	err := o.run(t.Context(), w.io())
	var exit exitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, contract.ExitRefused, exit.ExitCode())
	assert.Contains(t, w.out.String(), `"result": "refused"`)
}

func TestKeysAndPromoteClusters(t *testing.T) {
	w := newWorld(t)
	s := w.selection("", "{}")
	require.NoError(t, s.makeKeys(t.Context(), w.io(), newConsole(w.io()), true, formatText))
	assert.Regexp(t, `wiki-far +client \(next\) +SHA256:\S+ +wiki-dr/scribe-wiki-far-listener client-next.pub`, w.out.String())
	assert.Equal(t, []string{"submit scribe-wiki-far-dst step keys rotate=true"}, w.events)

	o := &promoteOptions{selection: s, console: newConsole(w.io()), output: formatText, at: "latest"}
	w.out.Reset()
	require.NoError(t, o.promote(t.Context(), w.io()))
	assert.Regexp(t, `result +promoted\nrecovery point +2026-11-20T09:15:00Z, .* old\nreplica snapshot +s\nvolume +wiki-dr/app`, w.out.String())
}

func TestStatusClusters(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	far := w.sessions["far"]
	_, err := far.Core.CoreV1().ConfigMaps("wiki-dr").Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: contract.StateName("wiki-far")},
		Data:       map[string]string{contract.StateKey: `{"last":{"run":"r1","recoveryPoint":"2026-11-20T09:15:00Z"}}`},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = far.Snapshots.SnapshotV1().VolumeSnapshots("wiki-dr").Create(t.Context(), &snapshotv1.VolumeSnapshot{
		ObjectMeta: metav1.ObjectMeta{Name: "s", Labels: map[string]string{contract.LabelRelationship: "wiki-far"},
			Annotations: map[string]string{contract.AnnotationRunID: "r1", contract.AnnotationRecoveryPoint: "2026-11-20T09:15:00Z"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	far.Engine.(*playedEngine).past = []remote.Run{
		{Name: "k", Role: contract.RoleDestination, Step: "keys", Phase: remote.Succeeded, Started: now},
		{Name: "d", ID: "r2", Role: contract.RoleDestination, Phase: remote.Running, Started: now.Add(-time.Minute),
			Steps: []remote.Step{{Name: "listen", Phase: remote.Pending, Message: "Unschedulable: no node"}}},
	}
	far.Engine.(*playedEngine).schedule = &remote.Schedule{Suspended: true}
	s := w.selection("", "{}")

	// The source cannot be reached: what the destination knows is shown.
	near := w.sessions["near"]
	delete(w.sessions, "near")
	err = s.status(t.Context(), w.io(), formatTable, now)
	assert.EqualError(t, err, "relationship wiki-far: site near: no way there")
	assert.Regexp(t, `(?m)^wiki-far +2026-11-20T09:15:00Z +45m0s +r2 +running +1, 1 not ready +on demand +suspended$`, w.out.String())
	assert.Contains(t, w.err.String(), "destination run d at site far waits since 2026-11-20T09:59:00Z: step listen: Unschedulable: no node")
	assert.Contains(t, w.err.String(), "schedule scribe-wiki-far-dst at site far is suspended in the cluster")

	w.sessions["near"] = near
	near.Engine.(*playedEngine).past = []remote.Run{{
		Name: "s", ID: "r2", Role: contract.RoleSource, Phase: remote.Failed, Started: now.Add(-time.Minute), Finished: now,
		Steps: []remote.Step{{Name: "push", Phase: remote.Failed, Exit: 78, Message: "promoted"}},
	}}
	w.out.Reset()
	require.NoError(t, s.status(t.Context(), w.io(), formatJSON, now))
	assert.Contains(t, w.out.String(), `"result": "refused",
      "reason": "step push: promoted"`)
	assert.Contains(t, w.out.String(), `"durationSeconds": 60`)
}

// playedEngine ends every run at once.
type playedEngine struct {
	world     *world
	namespace string
	fails     *remote.Step
	past      []remote.Run
	schedule  *remote.Schedule
}

func (e *playedEngine) Submit(_ context.Context, s remote.Submission) (remote.Run, error) {
	what := "submit " + s.Pipeline
	if s.Step != "" {
		what += " step " + s.Step
	}
	if s.Params["rotate"] != "" {
		what += " rotate=" + s.Params["rotate"]
	}
	e.world.event(what)
	if e.namespace == "wiki-dr" && s.Params["at"] == "" {
		data, err := e.world.sessions["far"].Secret(context.Background(), contract.PushSecret("wiki-far"))
		if err == nil && data == nil {
			e.world.makeKeys()
		}
	}
	return remote.Run{Name: s.Pipeline + "-1", ID: "uid-" + s.Pipeline}, nil
}

func (e *playedEngine) Follow(_ context.Context, name string, _ func(error), each func(remote.Run)) (remote.Run, error) {
	point := time.Date(2026, 11, 20, 9, 15, 0, 0, time.UTC)
	run := remote.Run{Name: name, ID: "uid-" + name[:len(name)-2], Phase: remote.Succeeded, Steps: []remote.Step{{
		Name: "promote", Phase: remote.Succeeded,
		Outcome: &contract.Outcome{Step: "promote", Outcome: contract.ResultDone, RecoveryPoint: &point, Snapshot: "s", Claim: "app"},
	}}}
	if e.fails != nil {
		run.Phase, run.Steps = remote.Failed, []remote.Step{*e.fails}
	}
	each(run)
	return run, nil
}

func (e *playedEngine) List(context.Context, string) ([]remote.Run, error) { return e.past, nil }
func (e *playedEngine) Stop(context.Context, string) error                 { return nil }

func (e *playedEngine) Delete(_ context.Context, name string) error {
	e.world.event("delete " + name)
	return nil
}

func (e *playedEngine) Schedule(context.Context, string) (*remote.Schedule, error) {
	return e.schedule, nil
}

// Whatever engine a spec may name, its sites can be run from here.
func TestEveryEngineCanBeRun(t *testing.T) {
	for _, engine := range spec.Engines() {
		if engine != spec.EngineLocal {
			assert.NotNil(t, runners[string(engine)], engine)
		}
	}
}
