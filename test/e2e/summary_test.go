//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
)

// results is what the log ends with: each scenario, what it proves, and whether
// it did.
var results = struct {
	sync.Mutex
	rows []result
	// leftOut says what scenarios need that this cluster does not have.
	leftOut map[string]string
	// roles are those of all bundles that were applied.
	roles []rbacv1.Role
}{leftOut: map[string]string{}}

type result struct {
	name, proves, outcome string
	took                  time.Duration
}

// proves begins a scenario: it runs beside the others and appears in the summary.
func proves(t *testing.T, what string) {
	t.Helper()
	t.Parallel()
	alone(t, what)
}

// alone is proves for a scenario that disturbs what others use.
func alone(t *testing.T, what string) {
	t.Helper()
	t.Logf("proves: %s", what)
	started := time.Now()
	t.Cleanup(func() {
		outcome := "ok"
		if t.Failed() {
			outcome = "FAILED"
		}
		results.Lock()
		defer results.Unlock()
		if need, ok := results.leftOut[t.Name()]; ok {
			outcome = "left out: needs " + need
		}
		results.rows = append(results.rows, result{t.Name(), what, outcome, time.Since(started)})
	})
}

func printSummary() {
	results.Lock()
	defer results.Unlock()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SCENARIO\tRESULT\tTOOK\tPROVES")
	for _, r := range results.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.name, r.outcome, r.took.Round(100*time.Millisecond), r.proves)
	}
	_ = w.Flush()
}
