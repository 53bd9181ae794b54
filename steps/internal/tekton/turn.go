package tekton

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/cluster"
)

const (
	defaultTurnTimeout = time.Hour
	// settled is how long after its start a run sees every run that started in the
	// same second or before.
	settled = 2 * time.Second
)

var errTimeout = errors.New("the time is over")

// queue is a run that waits for its turn. The runs themselves are the tickets:
// nothing has to be taken or given back, and a step that is killed and started again
// finds its place.
type queue struct {
	*contract.TektonTurn
	log    *slog.Logger
	ahead  *run     // the one that is waited for now
	waited []string // all that were
}

// turn waits until no run that came before is active.
func turn(ctx context.Context, all runs, c *contract.TektonTurn, log *slog.Logger) (contract.Outcome, error) {
	timeout := cmp.Or(c.Timeout, defaultTurnTimeout)
	waiting, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer cancel()
	q := &queue{TektonTurn: c, log: log}
	err := q.settle(waiting, all)
	if err == nil {
		// Not by Tekton's label: a run that was just created does not have it yet.
		err = all.Until(waiting, metav1.ListOptions{}, q.see)
	}
	switch {
	case err == nil && len(q.waited) == 0:
		return contract.Outcome{Reason: "no older run is active"}, nil
	case err == nil:
		return contract.Outcome{Reason: fmt.Sprintf("waited for PipelineRuns %v", q.waited)}, nil
	case errors.Is(context.Cause(waiting), errTimeout) && q.ahead != nil:
		return contract.Outcome{}, fmt.Errorf("wait for PipelineRun %[1]s, which is active since %[2]s: it did not end within %[3]s (--timeout): "+
			`see "kubectl describe pipelinerun %[1]s", and end it if it hangs: kubectl patch pipelinerun %[1]s --type=merge -p '{"spec":{"status":"CancelledRunFinally"}}'`,
			q.ahead.GetName(), q.ahead.ticket.UTC().Format(time.RFC3339), timeout)
	case errors.Is(context.Cause(waiting), errTimeout):
		err = fmt.Errorf("not within %s (--timeout): %w", timeout, err)
	}
	return contract.Outcome{}, fmt.Errorf("wait for the older runs of Pipeline %s: %w", c.Pipeline, err)
}

// settle waits until the own run is old enough to see the others.
func (q *queue) settle(ctx context.Context, all runs) error {
	found, _, err := all.List(ctx, cluster.Named(q.RunName))
	if err != nil {
		return err
	}
	for _, o := range found {
		if o.GetName() == q.RunName {
			return cluster.Pause(ctx, min(settled, time.Until(read(o).ticket.Add(settled))))
		}
	}
	return q.gone()
}

// see looks for the first of the runs that the own one must wait for.
func (q *queue) see(present map[string]*unstructured.Unstructured) (bool, error) {
	o, there := present[q.RunName]
	if !there {
		return false, q.gone()
	}
	own, last := read(o), q.ahead
	q.ahead = nil
	for _, r := range of(q.Pipeline, present) {
		if !r.ended && compare(r, own) < 0 {
			q.ahead = &r
			break
		}
	}
	if q.ahead != nil && (last == nil || last.GetName() != q.ahead.GetName()) {
		q.log.Info("waiting for an older run to end", "pipelineRun", q.ahead.GetName(), "since", q.ahead.ticket)
		q.waited = append(q.waited, q.ahead.GetName())
	}
	return q.ahead == nil, nil
}

func (q *queue) gone() error {
	return fmt.Errorf("PipelineRun %s does not exist: it was deleted, and its steps are to end", q.RunName)
}
