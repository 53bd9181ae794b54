//go:build cluster

package kubernetes_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/commit"
	"github.com/backube/scribe-gen/steps/internal/keys"
	"github.com/backube/scribe-gen/steps/internal/promote"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/snapshot"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/kubernetes"
)

// The relationship of the bundles in goldens.
const (
	goldens      = "../../../../templates/argo/testdata/"
	replica      = "wikidata"
	relationship = "wikidata-secondary"
)

func runOf(run string) contract.Common {
	return contract.Common{Replication: "wikidata", Relationship: relationship, Run: run}
}

// Every step does its work with the rights that its bundle grants, and uses each
// of them.
func TestRights(t *testing.T) {
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	s := newSite(t, "wffc")
	ctx := t.Context()
	late := func() string { return s.snapshotClass(t, map[string]string{"fault.readyAfter": "2s"}) }
	slow := s.storageClass(t, storagev1.VolumeBindingImmediate, map[string]string{"fault.delay": "1s"})
	committer := func(store volume.Store, class string) *commit.Committer {
		return &commit.Committer{Store: store, Replication: "wikidata", Relationship: relationship, Log: log, Replica: contract.Replica{
			Claim: replica, Root: t.TempDir(), CopyMethod: "Snapshot", SnapshotClass: class,
		}}
	}
	commitRun := func(t *testing.T, store volume.Store, run, class string) {
		_, err := committer(store, class).Commit(ctx, protocol.Commit{Run: run, RecoveryPoint: time.Now()})
		require.NoError(t, err)
	}

	s.as(t, "dr/primary.yaml", "source", func(t *testing.T, store volume.Store) {
		s.Write(t, "data", content)
		// A class of its own, so that a clone is tried and removed again.
		create := &contract.SnapshotCreate{Common: runOf("run-1"), Claim: "data", Method: "Auto",
			StorageClass: s.storageClass(t, storagev1.VolumeBindingWaitForFirstConsumer, nil)}
		_, err := snapshot.Create(ctx, store, create, log)
		require.NoError(t, err)
		// As if the attempt had been killed between the snapshot and the claim.
		require.NoError(t, s.client.CoreV1().PersistentVolumeClaims(s.namespace).Delete(ctx, contract.CopyName("run-1"), metav1.DeleteOptions{}))
		_, err = snapshot.Create(ctx, store, create, log)
		require.NoError(t, err)
		_, err = snapshot.Create(ctx, store, &contract.SnapshotCreate{
			Common: runOf("run-2"), Claim: "data", Method: "Snapshot", StorageClass: slow, SnapshotClass: late(),
		}, log)
		require.NoError(t, err)
		_, err = snapshot.Cleanup(ctx, store, &contract.SnapshotCleanup{Common: runOf("run-1")}, log)
		require.NoError(t, err)
	})
	s.as(t, "dr/secondary.yaml", "keys", func(t *testing.T, store volume.Store) {
		for _, rotate := range []bool{false, true, true} {
			_, err := keys.Ensure(ctx, store, keys.Request{Owner: volume.Owner{Relationship: relationship}, Rotate: rotate})
			require.NoError(t, err)
		}
	})
	s.as(t, "dr/secondary.yaml", "listen", func(t *testing.T, store volume.Store) {
		s.Write(t, replica, content)
		watched, stop := context.WithCancel(ctx)
		defer stop()
		states, err := store.Watch(watched, relationship)
		require.NoError(t, err)
		<-states
		commitRun(t, store, "run-1", "")
		<-states
		commitRun(t, store, "run-2", "")
		_, err = store.Cut(ctx, volume.CutRequest{
			Owner: volume.Owner{Relationship: relationship, Run: "run-2"}, Claim: replica, Name: contract.SnapshotName(relationship, "run-2")})
		require.NoError(t, err)
		commitRun(t, store, "run-3", late())
	})
	s.as(t, "dr/secondary.yaml", "prune", func(t *testing.T, store volume.Store) {
		_, err := snapshot.Prune(ctx, store, &contract.SnapshotPrune{Common: runOf(""), Claim: replica, Retain: contract.Retain{Last: 1}}, log)
		require.NoError(t, err)
	})
	s.as(t, "dr/secondary.yaml", "promote", func(t *testing.T, store volume.Store) {
		commitRun(t, s.store, "run-4", late())
		require.NoError(t, s.client.CoreV1().ConfigMaps(s.namespace).Delete(ctx, contract.StateName(relationship), metav1.DeleteOptions{}))
		_, err := promote.Resume(ctx, store, relationship)
		require.NoError(t, err)
		time.AfterFunc(time.Second, s.Hold(t, replica))
		_, err = promote.Promote(ctx, store, &contract.Promote{
			Common: runOf(""), Replica: replica, Claim: "live", At: contract.SnapshotName(relationship, "run-4"), StorageClass: slow,
		}, log)
		require.NoError(t, err)
	})
}

// as runs do under an account of a bundle and compares what it asked the API server
// for with what it may.
func (s *site) as(t *testing.T, bundle, duty string, do func(*testing.T, volume.Store)) {
	t.Run(duty, func(t *testing.T) {
		account := "scribe-" + relationship + "-" + duty
		granted := s.grant(t, goldens+bundle, account)
		asked := &recorder{}
		config := rest.CopyConfig(s.config)
		config.Impersonate = rest.ImpersonationConfig{
			UserName: "system:serviceaccount:" + s.namespace + ":" + account,
			Groups:   []string{"system:serviceaccounts", "system:authenticated"},
		}
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { asked.next = next; return asked })
		store, err := kubernetes.Open(config, s.namespace, slog.New(slog.NewTextHandler(t.Output(), nil)))
		require.NoError(t, err)
		do(t, store)
		assert.Equal(t, granted, asked.rights(granted))
	})
}

// grant applies the roles of an account and returns what they allow, as
// "verb resource [name]".
func (s *site) grant(t *testing.T, file, account string) (rights []string) {
	text, err := os.ReadFile(filepath.FromSlash(file))
	require.NoError(t, err)
	subject := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: s.namespace}}
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var role rbacv1.ClusterRole
		err := documents.Decode(&role)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if role.Name[strings.Index(role.Name, ":")+1:] != account || role.Kind != "Role" && role.Kind != "ClusterRole" {
			continue
		}
		s.bind(t, role, subject)
		for _, rule := range role.Rules {
			rights = append(rights, words(rule)...)
		}
	}
	require.NotEmpty(t, rights, "%s has no role %s", file, account)
	slices.Sort(rights)
	return rights
}

func (s *site) bind(t *testing.T, role rbacv1.ClusterRole, subject []rbacv1.Subject) {
	ctx, rbac := t.Context(), s.client.RbacV1()
	name := "store-" + rand.String(8)
	reference := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: role.Kind, Name: name}
	if role.Kind == "Role" {
		_, err := rbac.Roles(s.namespace).Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: role.Rules}, metav1.CreateOptions{})
		require.NoError(t, err)
		_, err = rbac.RoleBindings(s.namespace).Create(ctx, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: reference, Subjects: subject}, metav1.CreateOptions{})
		require.NoError(t, err)
		return
	}
	role.ObjectMeta = metav1.ObjectMeta{Name: name}
	_, err := rbac.ClusterRoles().Create(ctx, &role, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: reference, Subjects: subject}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = rbac.ClusterRoleBindings().Delete(context.Background(), name, metav1.DeleteOptions{})
		_ = rbac.ClusterRoles().Delete(context.Background(), name, metav1.DeleteOptions{})
	})
}

// words are the rights of a rule, but for those that the engine itself needs.
func words(rule rbacv1.PolicyRule) (rights []string) {
	if slices.Contains(rule.APIGroups, "argoproj.io") {
		return nil
	}
	names := rule.ResourceNames
	if len(names) == 0 {
		names = []string{""}
	}
	for _, resource := range rule.Resources {
		for _, verb := range rule.Verbs {
			for _, name := range names {
				rights = append(rights, strings.TrimSpace(verb+" "+resource+" "+name))
			}
		}
	}
	return rights
}
