package runs

import (
	"context"
	"maps"
	"slices"
	"sync"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/backube/scribe-gen/templates/internal/follow"
	"github.com/backube/scribe-gen/templates/remote"
	"github.com/backube/scribe-gen/templates/tekton"
)

// Follow watches one PipelineRun together with its TaskRuns, which know of the
// steps.
func (e *Engine) Follow(ctx context.Context, name string, lost func(error), each func(remote.Run)) (remote.Run, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	f := &follower{Engine: e, ctx: ctx, each: each, name: name, tasks: map[string]*v1.TaskRun{}}
	var watching sync.WaitGroup
	watching.Go(func() {
		which := follow.Which{Labels: selected(labelPipelineRun, name).LabelSelector}
		// The one connection is lost with the other: it is told once.
		if err := follow.Until(ctx, e.taskRuns(), which, nil, f.taskChanged); err != nil {
			cancel(err)
		}
	})
	which := follow.Which{Fields: fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()}
	err := follow.Until(ctx, e.pipelineRuns(), which, lost, f.runChanged)
	cancel(nil)
	watching.Wait()
	return f.last, err
}

// follower puts together what is seen of a run.
type follower struct {
	*Engine
	ctx  context.Context
	each func(remote.Run)
	name string

	mu    sync.Mutex
	run   *v1.PipelineRun
	tasks map[string]*v1.TaskRun // by their name
	last  remote.Run
}

func (f *follower) runChanged(r *v1.PipelineRun, deleted bool) (bool, error) {
	if r.Name != f.name {
		return false, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.run = r
	if r.IsDone() {
		f.refresh()
	}
	f.tell()
	if deleted && !r.IsDone() {
		return true, &remote.DeletedError{Run: f.name}
	}
	return r.IsDone(), nil
}

func (f *follower) taskChanged(t *v1.TaskRun, deleted bool) (bool, error) {
	if t.Labels[labelPipelineRun] != f.name || deleted {
		return false, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tasks[t.Name] = t
	if f.run != nil && !f.run.IsDone() {
		f.tell()
	}
	return false, nil
}

// refresh reads the TaskRuns of a run that has ended: they have ended before it, but
// their watch may lag behind. If they cannot be read, what it told has to do.
func (f *follower) refresh() {
	list, err := f.taskRuns().List(f.ctx, selected(labelPipelineRun, f.name))
	if err != nil {
		return
	}
	for i := range list.Items {
		f.tasks[list.Items[i].Name] = &list.Items[i]
	}
}

// tell tells the run as it is now.
func (f *follower) tell() {
	tasks := slices.Collect(maps.Values(f.tasks))
	var ahead string
	if slices.ContainsFunc(tasks, waitsForTurn) {
		// Those that are not allowed to list runs are not told which it is.
		if list, err := f.pipelineRuns().List(f.ctx, selected(tekton.LabelPipeline, f.run.Labels[tekton.LabelPipeline])); err == nil {
			ahead = older(f.run, list.Items)
		}
	}
	f.last = runOf(f.run, tasks, ahead)
	f.each(f.last)
}

// older returns the name of the newest run that a run waits for, which is the last
// one to end before it: of those of the same pipeline that have not ended, one that
// was created before. It is empty when it waits for none.
func older(r *v1.PipelineRun, all []v1.PipelineRun) string {
	var found *v1.PipelineRun
	for i := range all {
		o := &all[i]
		if o.Labels[tekton.LabelPipeline] == r.Labels[tekton.LabelPipeline] && !o.IsDone() && before(o, r) && (found == nil || before(found, o)) {
			found = o
		}
	}
	if found == nil {
		return ""
	}
	return found.Name
}

// before reports whether a was created before b.
func before(a, b *v1.PipelineRun) bool {
	if a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.Name < b.Name
	}
	return a.CreationTimestamp.Before(&b.CreationTimestamp)
}
