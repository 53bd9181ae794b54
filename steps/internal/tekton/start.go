package tekton

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

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
	case active != "":
		return contract.Outcome{Outcome: contract.ResultNothing, Reason: "PipelineRun " + active + " is still active"}, nil
	case !there:
		if err := s.create(ctx); err != nil {
			return contract.Outcome{}, fmt.Errorf("start a run of Pipeline %s: %w", pipelineOf(made), err)
		}
	}
	s.prune(ctx)
	if there {
		return contract.Outcome{Reason: "PipelineRun " + c.Name + " was created before"}, nil
	}
	return contract.Outcome{Reason: "PipelineRun " + c.Name + " is created"}, nil
}

// await waits until no run of the Pipeline is active, as long as it may, and returns
// the one that still is. There is whether the run to create exists already, which
// ends the wait.
func (s *starting) await(ctx context.Context) (there bool, active string, err error) {
	waiting, cancel := context.WithTimeoutCause(ctx, s.Wait, errTimeout)
	if s.Wait <= 0 { // one look is enough
		waiting, cancel = context.WithCancel(ctx)
	}
	defer cancel()
	err = s.all.Until(waiting, metav1.ListOptions{}, func(present map[string]*unstructured.Unstructured) (bool, error) {
		if o := present[s.Name]; o != nil {
			there, active = true, ""
			return true, s.same(o)
		}
		last := active
		active = ""
		for _, r := range of(pipelineOf(s.made), present) {
			if !r.ended {
				active = r.GetName()
				break
			}
		}
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

// same refuses a run that has the name but is another's.
func (s *starting) same(o *unstructured.Unstructured) error {
	if pipelineOf(o) == pipelineOf(s.made) {
		return nil
	}
	return step.Refuse(contract.RefusedExists, "PipelineRun %s exists and is one of Pipeline %s", s.Name, pipelineOf(o))
}

// create creates the run, or finds that another attempt did so at the same time.
func (s *starting) create(ctx context.Context) error {
	_, err := s.all.Create(ctx, s.made)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	found, _, err := s.all.List(ctx, cluster.Named(s.Name))
	for _, o := range found {
		if o.GetName() == s.Name {
			return s.same(o)
		}
	}
	return err
}
