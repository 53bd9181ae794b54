package catalog

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/templates/tekton"
)

// patchFile is a JSON patch of a mover that runs as any user, without root.
const patchFile = "without-root.json"

// operation is one of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// withoutRoot is the patch that makes of a mover what bundles with privileges
// Restricted have.
func (e edition) withoutRoot(b *Block) ([]byte, error) {
	security, err := b.restrictedPod()
	if err != nil {
		return nil, err
	}
	const container = "/spec/steps/0/securityContext"
	patch := []operation{
		{Op: "remove", Path: container + "/capabilities/add"},
		{Op: "remove", Path: container + "/runAsGroup"},
		{Op: "remove", Path: container + "/runAsUser"},
	}
	if e.argo() {
		patch = []operation{
			{Op: "remove", Path: "/spec/templates/0/container/securityContext/capabilities/add"},
			{Op: "replace", Path: "/spec/templates/0/securityContext", Value: security},
		}
	}
	text, err := json.MarshalIndent(patch, "", "  ")
	return append(text, '\n'), err
}

// restricted is the block as it runs without root.
func (b *Block) restricted() *Block {
	without := *b
	without.Step.Pod.Owner = false
	return &without
}

// restrictedPod is the security context of its pods.
func (b *Block) restrictedPod() (*corev1.PodSecurityContext, error) {
	pod, err := tekton.BlockPod(&b.restricted().Step)
	if err != nil {
		return nil, err
	}
	return pod.SecurityContext, nil
}
