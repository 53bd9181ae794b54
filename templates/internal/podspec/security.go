package podspec

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/generator/plan"
)

// Nobody is the user and group ID of pods without root unless the spec says
// otherwise: the customary one of images without a user database.
const Nobody int64 = 65532

// ownerCapabilities are what a mover needs to keep files as they are. All are in
// the list that Pod Security Standard "baseline" allows.
var ownerCapabilities = []corev1.Capability{
	"CHOWN",        // give files their owner
	"DAC_OVERRIDE", // read and write whatever the modes say
	"FOWNER",       // set modes, times and attributes of files of others
	"FSETID",       // keep setuid and setgid bits: chmod drops them otherwise
	"MKNOD",        // make device nodes
	"SETFCAP",      // keep file capabilities (security.capability)
}

// containerSecurity is what holds for every container of ours: no capability but
// the owner's, a read-only root, no way up.
func containerSecurity(owner bool) *corev1.SecurityContext {
	no, yes := false, true
	capabilities := &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
	if owner {
		capabilities.Add = append(capabilities.Add, ownerCapabilities...)
	}
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no,
		ReadOnlyRootFilesystem:   &yes,
		Capabilities:             capabilities,
	}
}

// PodSecurity is the security context of the step's pod, with the user's fields
// over ours. Without root it meets Pod Security Standard "restricted", with root
// "baseline".
//
// fsGroup makes Secrets and the replica readable to a user that owns neither.
// With OnRootMismatch the kubelet leaves a volume alone whose root directory
// already has the group; a volume that is read-only at the claim it never
// touches.
func PodSecurity(pod plan.Pod) (*corev1.PodSecurityContext, error) {
	sc := &corev1.PodSecurityContext{
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	if pod.Owner {
		root := int64(0)
		sc.RunAsUser, sc.RunAsGroup = &root, &root
	} else {
		yes, policy := true, corev1.FSGroupChangeOnRootMismatch
		user, group, fsGroup := Nobody, Nobody, Nobody
		sc.RunAsNonRoot, sc.RunAsUser, sc.RunAsGroup = &yes, &user, &group
		sc.FSGroup, sc.FSGroupChangePolicy = &fsGroup, &policy
	}
	if pod.SecurityContext == nil {
		return sc, nil
	}
	// Decoding over a value replaces the fields that are present and no others.
	own, err := json.Marshal(pod.SecurityContext)
	if err != nil {
		return nil, fmt.Errorf("mover.securityContext: %w", err)
	}
	return sc, json.Unmarshal(own, sc)
}
