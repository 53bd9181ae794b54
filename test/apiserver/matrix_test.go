package apiserver

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/internal/kube"
)

// What the matrix asks for: everything that a bundle's accounts use, and what
// those who break in would want.
var (
	matrixVerbs     = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
	matrixResources = []target{
		{"", "secrets", ""}, {"", "configmaps", ""}, {"", "pods", ""}, {"", "pods", "exec"},
		{"", "pods", "log"}, {"", "pods", "ephemeralcontainers"}, {"", "persistentvolumeclaims", ""},
		{"", "persistentvolumeclaims", "status"}, {"", "persistentvolumes", ""}, {"", "nodes", ""},
		{"", "nodes", "proxy"}, {"", "namespaces", ""}, {"", "services", ""}, {"", "events", ""},
		{"", "serviceaccounts", ""}, {"", "serviceaccounts", "token"},
		{"apps", "deployments", ""}, {"batch", "jobs", ""},
		{rbac, "roles", ""}, {rbac, "rolebindings", ""}, {rbac, "clusterroles", ""}, {rbac, "clusterrolebindings", ""},
		{snapshots, "volumesnapshots", ""}, {snapshots, "volumesnapshots", "status"},
		{snapshots, "volumesnapshotcontents", ""}, {snapshots, "volumesnapshotclasses", ""},
		{"storage.k8s.io", "storageclasses", ""}, {"storage.k8s.io", "csidrivers", ""},
		{"argoproj.io", "workflows", ""}, {"argoproj.io", "workflowtemplates", ""},
		{"argoproj.io", "cronworkflows", ""}, {"argoproj.io", "workflowtaskresults", ""},
		{"tekton.dev", "tasks", ""}, {"tekton.dev", "pipelines", ""},
		{"tekton.dev", "taskruns", ""}, {"tekton.dev", "pipelineruns", ""},
	}
	// climbs are the verbs that give more than they say.
	climbs = map[string][]target{
		"impersonate": {{"", "users", ""}, {"", "groups", ""}, {"", "serviceaccounts", ""}},
		"bind":        {{rbac, "roles", ""}, {rbac, "clusterroles", ""}},
		"escalate":    {{rbac, "roles", ""}, {rbac, "clusterroles", ""}},
		"use":         {{"policy", "podsecuritypolicies", ""}, {"security.openshift.io", "securitycontextconstraints", ""}},
	}
)

const (
	rbac      = "rbac.authorization.k8s.io"
	snapshots = "snapshot.storage.k8s.io"
)

type target struct{ group, resource, subresource string }

// matrix is every question about an account: each verb on each resource, in the
// bundle's namespace, in another and in all. In the bundle's it asks for all
// objects, for those that its rules name, and for one that none names; elsewhere
// for one with a name that its rules have at home.
func matrix(a account, relationship, own, other string) []authorizationv1.ResourceAttributes {
	secret := contract.ListenerSecret(relationship)
	names := []string{"", "other", secret}
	for _, r := range a.inside {
		if !slices.Contains(names, r.Name) {
			names = append(names, r.Name)
		}
	}
	ask := maps.Clone(climbs)
	for _, verb := range matrixVerbs {
		ask[verb] = matrixResources
	}
	var questions []authorizationv1.ResourceAttributes
	for namespace, names := range map[string][]string{own: names, other: {secret}, "": {secret}} {
		for verb, targets := range ask {
			for _, r := range targets {
				for _, name := range names {
					questions = append(questions, authorizationv1.ResourceAttributes{
						Namespace: namespace, Verb: verb, Name: name,
						Group: r.group, Resource: r.resource, Subresource: r.subresource,
					})
				}
			}
		}
	}
	return questions
}

// may is the answer that the table of needed rights gives.
func (a account) may(do authorizationv1.ResourceAttributes, own string) bool {
	covers := func(r kube.Right) bool {
		return r.Verb == do.Verb && r.Group == do.Group && r.Resource == do.Resource &&
			do.Subresource == "" && (r.Name == "" || r.Name == do.Name)
	}
	return slices.ContainsFunc(a.everywhere, covers) || do.Namespace == own && slices.ContainsFunc(a.inside, covers)
}

// The server allows an account what its steps do, and denies everything else.
func TestAccountsMayDoWhatStepsDoAndNothingElse(t *testing.T) {
	perEngine(t, func(t *testing.T, c *kube.Cluster, e engine) {
		other := c.Namespace(t, "other", nil)
		for _, b := range slices.Concat(named(t, e, "wikidata").compile(t, c, nil), named(t, e, "fan-restricted").compile(t, c, nil)) {
			c.Install(t, b.objects)
			for _, a := range accounts(b) {
				a.await(t, c, b.Namespace)
				questions := matrix(a, b.Relationships[0].Name, b.Namespace, other)
				assert.Empty(t, wrong(t, c, a, b.Namespace, questions), a.name)
			}
		}
	})
}

// wrong asks all questions, several at a time, and returns those that the server
// answers otherwise than the table of needed rights.
func wrong(t *testing.T, c *kube.Cluster, a account, namespace string, questions []authorizationv1.ResourceAttributes) []string {
	t.Helper()
	user := kube.AccountUser(a.namespace, a.name)
	answers := make([]bool, len(questions))
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	for i, q := range questions {
		group.Go(func() (err error) {
			answers[i], err = c.Can(ctx, user, q)
			return err
		})
	}
	require.NoError(t, group.Wait())
	var list []string
	for i, q := range questions {
		if want := a.may(q, namespace); answers[i] != want {
			list = append(list, fmt.Sprintf("%s: allowed %t, want %t", q.String(), answers[i], want))
		}
	}
	return list
}
