//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
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
	name, engine, proves, outcome string
	took                          time.Duration
}

// proves runs a scenario on each pair of engines that was chosen, beside each other
// and beside all other scenarios. Each is in the summary.
func proves(t *testing.T, what string, on choice, scenario func(*testing.T, pair)) {
	t.Helper()
	t.Parallel()
	forEach(t, on, func(t *testing.T, p pair) {
		t.Parallel()
		timed(t, what, p)
		scenario(t, p)
	})
}

// alone is proves for a scenario that disturbs what others use: it runs by itself.
func alone(t *testing.T, what string, on choice, scenario func(*testing.T, pair)) {
	t.Helper()
	forEach(t, on, func(t *testing.T, p pair) {
		timed(t, what, p)
		scenario(t, p)
	})
}

func forEach(t *testing.T, on choice, scenario func(*testing.T, pair)) {
	t.Helper()
	for _, p := range shared.pairs(on) {
		t.Run(p.String(), func(t *testing.T) { scenario(t, p) })
	}
}

// timed adds a scenario that begins now to the summary.
func timed(t *testing.T, what string, on pair) {
	t.Helper()
	t.Logf("proves: %s", what)
	began := time.Now()
	t.Cleanup(func() {
		row := result{
			name: strings.TrimSuffix(t.Name(), "/"+on.String()), engine: on.String(),
			proves: what, outcome: "ok", took: time.Since(began),
		}
		if t.Failed() {
			row.outcome = "FAILED"
		}
		results.Lock()
		defer results.Unlock()
		if need, ok := results.leftOut[t.Name()]; ok {
			row.outcome = "left out: needs " + need
		}
		results.rows = append(results.rows, row)
	})
}

// printSummary prints the scenarios in the order of their names.
func printSummary() {
	results.Lock()
	defer results.Unlock()
	slices.SortStableFunc(results.rows, func(a, b result) int { return strings.Compare(a.name, b.name) })
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SCENARIO\tENGINES\tRESULT\tTOOK\tPROVES")
	for _, r := range results.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.name, r.engine, r.outcome, r.took.Round(100*time.Millisecond), r.proves)
	}
	_ = w.Flush()
}
