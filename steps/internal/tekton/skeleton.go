package tekton

import (
	"crypto/sha256"
	"encoding/hex"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// startedName is the name of a run that another starts: the same in every attempt, and
// at most as long as that of a run that a Job starts. The run ID itself has no room
// beside the longest name of a Pipeline.
func startedName(pipeline, run string) string {
	sum := sha256.Sum256([]byte(run))
	return pipeline + "-" + hex.EncodeToString(sum[:])[:10]
}

// fromSkeleton reads the PipelineRun to create. What is wrong with it no retry mends.
func fromSkeleton(c *contract.TektonStart, namespace string) (*unstructured.Unstructured, error) {
	text, err := os.ReadFile(c.Skeleton)
	if err != nil {
		return nil, step.Usage("--skeleton: %w", err)
	}
	text, err = yaml.YAMLToJSONStrict(text)
	o := &unstructured.Unstructured{}
	if err == nil {
		err = o.UnmarshalJSON(text)
	}
	switch {
	case err != nil:
		return nil, step.Usage("--skeleton=%s: %w", c.Skeleton, err)
	case o.GetAPIVersion() != pipelineRuns.GroupVersion().String() || o.GetKind() != "PipelineRun":
		return nil, step.Usage("--skeleton=%s: is %s %s and must be a %s PipelineRun", c.Skeleton, o.GetAPIVersion(), o.GetKind(), pipelineRuns.GroupVersion())
	case o.GetNamespace() != "" && o.GetNamespace() != namespace:
		return nil, step.Usage("--skeleton=%s: is for namespace %s, and runs are started in %s", c.Skeleton, o.GetNamespace(), namespace)
	case pipelineOf(o) == "":
		return nil, step.Usage("--skeleton=%s: spec.pipelineRef.name is required", c.Skeleton)
	}
	name := c.Name
	if name == "" {
		name = startedName(pipelineOf(o), c.Run)
	}
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
		return nil, step.Usage("--name=%s: %s", name, problems[0])
	}
	o.SetName(name)
	o.SetGenerateName("")
	o.SetNamespace(namespace)
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[contract.LabelScheduled] = "true"
	o.SetLabels(labels)
	return o, nil
}
