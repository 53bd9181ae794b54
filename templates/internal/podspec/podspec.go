// Package podspec turns a plan's steps into the pieces of a pod that every
// engine on Kubernetes needs: container, volumes, security, labels. It knows the
// plan and Kubernetes, but no engine.
package podspec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/backube/scribe-gen/generator/plan"
)

// programs is the directory of the step binaries in the image.
const programs = "/scribe/"

// Scratch is the one writable directory of a container besides its volumes: the
// root file system is read-only.
const Scratch = "/tmp"

const scratchName = "tmp"

// Container returns the step's container, with the variables in its arguments and
// image replaced by what value returns. Its command
// is always set: an engine that must look up an image's entrypoint needs access
// to the registry, which private and air-gapped ones refuse.
func Container(name string, s *plan.Step, value func(plan.Variable) (string, error)) (corev1.Container, error) {
	args, err := s.Args(value)
	if err != nil {
		return corev1.Container{}, err
	}
	image, err := plan.Expand(s.Pod.Image, value)
	if err != nil {
		return corev1.Container{}, err
	}
	c := corev1.Container{
		Name:                     name,
		Image:                    image,
		ImagePullPolicy:          corev1.PullIfNotPresent,
		Command:                  []string{programs + s.Command.Program()},
		Args:                     args,
		Resources:                s.Pod.Resources,
		SecurityContext:          containerSecurity(s.Pod.Owner),
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		VolumeMounts:             []corev1.VolumeMount{{Name: scratchName, MountPath: Scratch}},
	}
	for _, m := range s.Mounts {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{
			Name: m.Name, MountPath: m.Path, ReadOnly: m.ReadOnly,
		})
	}
	if s.Port != 0 {
		port := int32(s.Port)
		// The protocol is the default, but the full CRDs fill it in: leaving it out
		// would make every GitOps tool see a difference.
		c.Ports = []corev1.ContainerPort{{Name: "ssh", ContainerPort: port, Protocol: corev1.ProtocolTCP}}
		c.ReadinessProbe = &corev1.Probe{
			ProbeHandler: corev1.ProbeHandler{
				TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(port)},
			},
			PeriodSeconds: 5,
		}
	}
	return c, nil
}

// secretMode is 0400. The kubelet makes the files root's, so that a root mover
// reads them and nobody else; for a pod with an fsGroup, which every pod without
// root has, it adds the group and its right to read (0440). Secrets are mounted
// as whole directories, as subPath mounts and variables never see a rotation.
const secretMode int32 = 0o400

// Volumes returns the step's volumes, exactly those that its container mounts:
// an engine attaches also what nobody mounts. Variables in the sources are
// replaced by what value returns.
func Volumes(s *plan.Step, value func(plan.Variable) (string, error)) ([]corev1.Volume, error) {
	limit := resource.MustParse("1Gi") // a runaway step must not fill the node's disk
	volumes := []corev1.Volume{{
		Name:         scratchName,
		VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &limit}},
	}}
	for _, m := range s.Mounts {
		source, err := plan.Expand(m.Source, value)
		if err != nil {
			return nil, err
		}
		from, err := volumeSource(m, source)
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", s.Name, err)
		}
		volumes = append(volumes, corev1.Volume{Name: m.Name, VolumeSource: from})
	}
	return volumes, nil
}

func volumeSource(m plan.Mount, source string) (corev1.VolumeSource, error) {
	switch m.Kind {
	case plan.MountSecret:
		mode := secretMode
		secret := &corev1.SecretVolumeSource{SecretName: source, DefaultMode: &mode}
		if m.Optional {
			secret.Optional = &m.Optional
		}
		return corev1.VolumeSource{Secret: secret}, nil
	case plan.MountText:
		text := &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: source}}
		if m.Optional {
			text.Optional = &m.Optional
		}
		return corev1.VolumeSource{ConfigMap: text}, nil
	case plan.MountClaim:
		// Read-only at the claim and not only in the container: the kubelet would
		// else rewrite modes and ctime for fsGroup, and what an engine adds to the pod
		// would get it writable.
		return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{
			ClaimName: source, ReadOnly: m.ReadOnly,
		}}, nil
	}
	return corev1.VolumeSource{}, &plan.UnsupportedError{
		Path: "mount " + m.Name, Reason: fmt.Sprintf("mounts of kind %q are not known", m.Kind),
	}
}
