package podspec

import (
	"maps"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// LabelStep tells the pods of one step apart, which the listener's Service needs:
// a pod that makes keys would be ready to take its connections too.
const LabelStep = "scribe.backube/step"

// Selector is the labels that every pod of a step has, in each of its runs.
func Selector(relationship, role, step string) map[string]string {
	return map[string]string{
		contract.LabelRelationship: relationship,
		contract.LabelRole:         role,
		LabelStep:                  step,
	}
}

// Labels of a step's pod. Service meshes are kept out: their sidecars outlive the
// step and break into its SSH. The user's labels win, except over those that the
// Service and the steps select by. Of ours, those that are not known yet, and thus
// empty, are left out.
func Labels(replication, relationship, role string, s *plan.Step, run string) map[string]string {
	labels := map[string]string{"sidecar.istio.io/inject": "false"}
	maps.Copy(labels, s.Pod.Labels)
	own := Selector(relationship, role, s.Name)
	own[contract.LabelReplication], own[contract.LabelRun] = replication, run
	maps.DeleteFunc(own, func(_, value string) bool { return value == "" })
	maps.Copy(labels, own)
	return labels
}

// Annotations of a step's pod. A mover must not be moved to another node for the
// sake of a few cores: hours of transfer may go with it.
func Annotations(s *plan.Step) map[string]string {
	annotations := map[string]string{
		"sidecar.istio.io/inject": "false",
		"linkerd.io/inject":       "disabled",
	}
	if s.MountsClaim() {
		annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] = "false"
	}
	maps.Copy(annotations, s.Pod.Annotations)
	return annotations
}
