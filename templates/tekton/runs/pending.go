package runs

import (
	"regexp"
	"strconv"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"knative.dev/pkg/apis"
)

// Reasons that the controller gives for a TaskRun whose pod has not started yet.
const (
	reasonPending   = "Pending"
	reasonResources = "ExceededNodeResources"
)

// How the controller wraps what the kubelet says of a container, and the scheduler
// of a pod.
var (
	containerWaits = regexp.MustCompile(`(?s)^build step "[^"]*" is pending with reason (".*")$`)
	podWaits       = regexp.MustCompile(`(?s)^pod status "([^"]*)":"[^"]*"; message: (".*")$`)
)

// pending says why a step's pod does not start; empty when it is on its way.
func pending(c *apis.Condition) string {
	switch c.GetReason() {
	case "", v1.TaskRunReasonStarted.String(), v1.TaskRunReasonResolvingTaskRef:
		return ""
	case reasonResources:
		return "Unschedulable: no node has the resources that its pod asks for"
	}
	message := c.GetMessage()
	if m := containerWaits.FindStringSubmatch(message); m != nil {
		return unquote(m[1])
	}
	if c.GetReason() != reasonPending {
		return message
	}
	// A pod's conditions become true one after the other; only where no node takes
	// it is anything wrong.
	if m := podWaits.FindStringSubmatch(message); m != nil && m[1] == "PodScheduled" {
		return "Unschedulable: " + unquote(m[2])
	}
	return ""
}

// unquote takes the quotes off a text that has them.
func unquote(text string) string {
	if plain, err := strconv.Unquote(text); err == nil {
		return plain
	}
	return text
}
