package manifest

import "strings"

// noise is the paths at which upstream types print something although nothing
// was set. Only these are removed, and only when empty: an empty map can mean
// something elsewhere, as in "emptyDir: {}". "[]" stands for every element.
var noise = map[string][]string{
	"WorkflowTemplate": {
		"spec.arguments",
		"spec.templates[].inputs",
		"spec.templates[].outputs",
		"spec.templates[].metadata",
		"spec.templates[].container.resources",
		"spec.templates[].dag.tasks[].arguments",
	},
	"ClusterWorkflowTemplate": {
		"spec.arguments",
		"spec.templates[].inputs",
		"spec.templates[].outputs",
		"spec.templates[].metadata",
		"spec.templates[].container.resources",
	},
	"PipelineRun": {
		"spec.taskRunTemplate",
	},
	"CronJob": {
		"spec.jobTemplate.metadata.creationTimestamp",
		"spec.jobTemplate.metadata",
		"spec.jobTemplate.spec.template.metadata.creationTimestamp",
		"spec.jobTemplate.spec.template.spec.containers[].resources",
	},
	"CronWorkflow": {
		"spec.workflowMetadata.creationTimestamp",
		"spec.workflowSpec.arguments",
	},
}

// everywhere is the noise of objects of any kind.
const everywhere = "metadata.creationTimestamp"

// clean removes the noise of a decoded object, and its status, which is the
// controllers' to write.
func clean(kind string, object map[string]any) {
	delete(object, "status")
	remove(object, strings.Split(everywhere, "."))
	for _, path := range noise[kind] {
		remove(object, strings.Split(path, "."))
	}
}

// remove deletes what is at the path if it is empty.
func remove(object map[string]any, path []string) {
	name, each := strings.CutSuffix(path[0], "[]")
	value, ok := object[name]
	switch {
	case !ok:
	case each:
		list, _ := value.([]any)
		for _, v := range list {
			if child, ok := v.(map[string]any); ok {
				remove(child, path[1:])
			}
		}
	case len(path) > 1:
		if child, ok := value.(map[string]any); ok {
			remove(child, path[1:])
		}
	case empty(value):
		delete(object, name)
	}
}

// empty reports whether a value is what its type prints when nothing was set.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	}
	return false
}
