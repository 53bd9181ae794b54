//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
)

// auditEvent is what the API server's audit log says of a request.
type auditEvent struct {
	Stage, Verb    string
	User           struct{ Username string }
	ObjectRef      struct{ Namespace, Resource, Subresource, Name string }
	ResponseStatus struct{ Code int }
	RequestURI     string
}

// rights collects, from the API server's audit log, what the accounts of all
// scenarios did, and what the Roles that exist let them do. Bundles are the same
// in every namespace, so rights are counted by duty: the last word of an
// account's name.
type rights struct {
	used, granted map[string]bool
	// forbidden has a request for each right that was refused.
	forbidden map[string]string
}

// seldom are rights that no scenario is sure to be seen to use, and when they are
// used. The tests of the Kubernetes volume store use each that a step has under the
// emitted Roles.
var seldom = map[string]string{
	"source: get volumesnapshots":         "an attempt was killed after it had asked for the snapshot",
	"copy: get volumesnapshots":           "an attempt was killed after it had asked for the snapshot",
	"listen: get volumesnapshots":         "an attempt was killed after it had asked for the snapshot",
	"pull: get volumesnapshots":           "an attempt was killed after it had asked for the snapshot",
	"promote: watch volumesnapshots":      "the driver is still uploading the snapshot",
	"promote: create configmaps":          "somebody deleted the state",
	"promote: get persistentvolumeclaims": "a promotion is repeated",
	"promote: watch pods":                 "a pod that may write to the replica is still ending",
	"promote: watch pipelineruns":         "two promotions are started at once",
	"start: delete pipelineruns":          "a schedule has more finished runs than it keeps",
	"start: create workflows":             "always: what applies an object that is not there needs it, but the audit log has the patch alone",
}

// judgeRights is checkRights as a row of the summary. Only the own cluster's audit
// log tells which rights were used.
func judgeRights(ctx context.Context) error {
	row := result{name: "rights", outcome: "ok", proves: "no step was refused a right, and no Role grants one that no scenario used"}
	began := time.Now()
	var err error
	if shared.own == nil {
		row.outcome = "left out: needs the API server's audit log"
	} else if err = shared.checkRights(ctx, results.roles); err != nil {
		row.outcome = "FAILED"
	}
	row.took = time.Since(began)
	results.rows = append(results.rows, row)
	return err
}

// checkRights fails when a step was ever refused a right, or when a Role has one
// that no scenario needed. It is for the whole suite: after a few scenarios most
// rights are still unused.
func (l *lab) checkRights(ctx context.Context, roles []rbacv1.Role) error {
	r := rights{used: map[string]bool{}, granted: map[string]bool{}, forbidden: map[string]string{}}
	if err := r.read(l.own.AuditLog); err != nil {
		return err
	}
	for _, role := range roles {
		r.grant(duty(role.Name), role.Rules)
	}
	var problems []string
	for right, request := range r.forbidden {
		// An API server that starts refuses for a moment what it will grant.
		if !r.granted[right] {
			problems = append(problems, "refused: "+right+" "+request)
		}
	}
	for _, g := range slices.Sorted(maps.Keys(r.granted)) {
		if !r.used[g] && seldom[g] == "" {
			problems = append(problems, "granted and never used: "+g)
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("rights of the accounts:\n  %s", strings.Join(problems, "\n  "))
	}
	return nil
}

// read reads the requests of ServiceAccounts of scenarios.
func (r *rights) read(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e auditEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return err
		}
		account, ok := strings.CutPrefix(e.User.Username, "system:serviceaccount:e2e-")
		if !ok || e.Stage != "ResponseComplete" && e.Verb != "watch" {
			continue
		}
		_, account, _ = strings.Cut(account, ":")
		right := fmt.Sprintf("%s: %s %s", duty(account), e.Verb, e.ObjectRef.Resource)
		if e.ResponseStatus.Code == 403 {
			r.forbidden[right] = e.RequestURI
			continue
		}
		r.used[right] = true
	}
	return lines.Err()
}

func (r *rights) grant(duty string, rules []rbacv1.PolicyRule) {
	for _, rule := range rules {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				r.granted[fmt.Sprintf("%s: %s %s", duty, verb, resource)] = true
			}
		}
	}
}

// duty is the last word of the name of an account or its Role.
func duty(name string) string { return name[strings.LastIndex(name, "-")+1:] }

// keepRoles remembers the Roles of a scenario before they go with its namespaces.
func (w *world) keepRoles(namespace string) {
	list, err := w.kube.RbacV1().Roles(namespace).List(w.background(), metav1.ListOptions{LabelSelector: contract.LabelRelationship})
	if err != nil {
		w.t.Logf("list Roles of %s: %v", namespace, err)
		return
	}
	results.Lock()
	defer results.Unlock()
	results.roles = append(results.roles, list.Items...)
}
