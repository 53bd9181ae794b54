// Package tekton is the steps that do for Tekton what other engines do themselves:
// start runs on a schedule, keep no more of them than are wanted, and let one at a
// time work.
package tekton

import (
	"context"
	"log/slog"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/cluster"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// Verbs are the sub-commands of the binary tekton.
func Verbs() []step.Verb { return []step.Verb{startVerb(), turnVerb()} }

func startVerb() step.Verb {
	c := &contract.TektonStart{}
	return step.Verb{
		Command: c,
		Short:   "Create a PipelineRun, and remove old ones",
		Long: `Creates a PipelineRun from a skeleton under the name that is given, so that a
second attempt finds what the first has made. While a run of the same Pipeline is
active, it waits as long as --wait says and then gives this start up, which is no
failure: the next comes with the schedule.

Without --name, another run starts this one: its name follows from the Pipeline's and
from --run-id, and it is given up only when one run is active and a second waits for
its turn, which will see all that this one would.

After that, it removes finished runs of the Pipeline. Of those that a schedule
started, the newest stay, of the succeeded ones and of the others --keep each. Of
those that were started by hand, succeeded ones stay for a day and the others for a
week. What cannot be removed is a warning.`,
		Example: `  tekton start --skeleton=/etc/scribe/run/run.yaml --name=$JOB_NAME --wait=5m`,
		Run: func(ctx context.Context, env *step.Env) (contract.Outcome, error) {
			if err := step.Require("skeleton", c.Skeleton); err != nil {
				return contract.Outcome{}, err
			}
			if c.Name == "" && c.Run == "" {
				return contract.Outcome{}, step.Usage("--name is required, or --run-id of the run that starts this one")
			}
			all, namespace, err := open(c.Namespace, env.Log)
			if err != nil {
				return contract.Outcome{}, err
			}
			return start(ctx, all, namespace, c, env.Log)
		},
	}
}

func turnVerb() step.Verb {
	c := &contract.TektonTurn{}
	return step.Verb{
		Command: c,
		Short:   "Wait until the older runs of the Pipeline have ended",
		Long: `Waits until every run of the Pipeline that started before this one has ended, so
that at most one works at a time, however they were started. There is nothing to
give back: a run that is deleted or killed stands in nobody's way.

It goes before another step in the same pod, and leaves the outcome to it unless it
fails itself.`,
		OnlyFailure: true,
		Example:     `  tekton turn --pipeline=scribe-wiki-dr-src --run-name=scribe-wiki-dr-src-29384710`,
		Run: func(ctx context.Context, env *step.Env) (contract.Outcome, error) {
			if c.Pipeline == "" {
				return contract.Outcome{Outcome: contract.ResultNothing, Reason: "the step runs alone"}, nil
			}
			if err := step.Require("run-name", c.RunName); err != nil {
				return contract.Outcome{}, err
			}
			all, _, err := open(c.Namespace, env.Log)
			if err != nil {
				return contract.Outcome{}, err
			}
			return turn(ctx, all, c, env.Log)
		},
	}
}

func open(namespace string, log *slog.Logger) (runs, string, error) {
	config, namespace, err := cluster.Here(namespace)
	if err != nil {
		return runs{}, "", err
	}
	c, err := cluster.Connect(config, namespace, log)
	if err != nil {
		return runs{}, "", err
	}
	all, err := c.Untyped(pipelineRuns)
	return all, namespace, err
}
