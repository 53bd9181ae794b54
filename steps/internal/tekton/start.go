package tekton

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/cluster"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// starting is one start.
type starting struct {
	*contract.TektonStart
	all  runs
	made *unstructured.Unstructured // what is to be created
	log  *slog.Logger
}

// start creates the run, unless one of its Pipeline stays active or an earlier
// attempt has created it, and removes old ones.
func start(ctx context.Context, all runs, namespace string, c *contract.TektonStart, log *slog.Logger) (contract.Outcome, error) {
	made, err := fromSkeleton(c, namespace)
	if err != nil {
		return contract.Outcome{}, err
	}
	s := &starting{TektonStart: c, all: all, made: made, log: log}
	there, active, err := s.await(ctx)
	switch {
	case err != nil:
		return contract.Outcome{}, fmt.Errorf("start a run of Pipeline %s: %w", pipelineOf(made), err)
	case active != "" && s.started():
		return contract.Outcome{Outcome: contract.ResultNothing, Reason: "PipelineRun " + active + " has yet to begin"}, nil
	case active != "":
		return contract.Outcome{Outcome: contract.ResultNothing, Reason: "PipelineRun " + active + " is still active"}, nil
	case !there:
		if err := s.create(ctx); err != nil {
			return contract.Outcome{}, fmt.Errorf("start a run of Pipeline %s: %w", pipelineOf(made), err)
		}
	}
	s.prune(ctx)
	if there {
		return contract.Outcome{Reason: "PipelineRun " + made.GetName() + " was created before"}, nil
	}
	return contract.Outcome{Reason: "PipelineRun " + made.GetName() + " is created"}, nil
}

// started reports whether another run starts this one, and not a schedule.
func (s *starting) started() bool { return s.Name == "" }

// await waits until no run of the Pipeline is in the way, as long as it may, and returns
// the one that still is. There is whether the run to create exists already, which
// ends the wait.
func (s *starting) await(ctx context.Context) (there bool, active string, err error) {
	waiting, cancel := context.WithTimeoutCause(ctx, s.Wait, errTimeout)
	if s.Wait <= 0 { // one look is enough
		waiting, cancel = context.WithCancel(ctx)
	}
	defer cancel()
	err = s.all.Until(waiting, metav1.ListOptions{}, func(present map[string]*unstructured.Unstructured) (bool, error) {
		if o := present[s.made.GetName()]; o != nil {
			there, active = true, ""
			return true, s.same(o)
		}
		last := active
		active = s.inTheWay(of(pipelineOf(s.made), present))
		if active != "" && active != last {
			s.log.Info("a run is active", "pipelineRun", active, "wait", s.Wait.String())
		}
		return active == "" || s.Wait <= 0, nil
	})
	if active != "" && errors.Is(context.Cause(waiting), errTimeout) {
		err = nil
	}
	return there, active, err
}

// inTheWay is a run that makes this start needless or must end before; empty for none.
// To a schedule, that is every active one: the next start comes soon. A start by another
// run tells of something that happened just now. One run that is active may have begun
// before and have missed it; of two, the second waits for its turn and will see it.
func (s *starting) inTheWay(all []run) string {
	active := slices.DeleteFunc(all, func(r run) bool { return r.ended })
	if s.started() && len(active) > 0 {
		active = active[1:]
	}
	if len(active) == 0 {
		return ""
	}
	return active[0].GetName()
}

// same refuses a run that has the name but is another's.
func (s *starting) same(o *unstructured.Unstructured) error {
	if pipelineOf(o) == pipelineOf(s.made) {
		return nil
	}
	return step.Refuse(contract.RefusedExists, "PipelineRun %s exists and is one of Pipeline %s", o.GetName(), pipelineOf(o))
}

// create creates the run, or finds that another attempt did so at the same time.
func (s *starting) create(ctx context.Context) error {
	_, err := s.all.Create(ctx, s.made)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	name := s.made.GetName()
	found, _, err := s.all.List(ctx, cluster.Named(name))
	for _, o := range found {
		if o.GetName() == name {
			return s.same(o)
		}
	}
	return err
}
