//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/test/e2e/internal/job"
)

// checkImages runs a pod of each image in a namespace of its own.
func (l *lab) checkImages(ctx context.Context) error {
	namespaces := l.kube.CoreV1().Namespaces()
	n, err := namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-images-"}}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("make a namespace: %w", err)
	}
	defer func() { _ = namespaces.Delete(context.WithoutCancel(ctx), n.Name, metav1.DeleteOptions{}) }()
	var problems []error
	for _, check := range []struct {
		image, variable, build string
		args                   []string
	}{
		{l.image, "SCRIBE_E2E_IMAGE", "go run ./image -o bin/scribe-steps.tar", []string{"/scribe/snapshot", "--help"}},
		{l.workbench, "SCRIBE_E2E_WORKBENCH", "go run ./test/e2e/workbench/image -o bin/scribe-workbench.tar",
			append([]string{"/bin/workbench", "/"}, job.None()...)},
	} {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "image-"},
			Spec: corev1.PodSpec{
				RestartPolicy: corev1.RestartPolicyNever,
				Containers:    []corev1.Container{{Name: container, Image: check.image, Command: check.args, SecurityContext: confined()}},
			},
		}
		if _, err := l.runPod(ctx, n.Name, pod); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", howToLoad(check.image, check.variable, check.build), err))
		}
	}
	return errors.Join(problems...)
}

// confined is what every container of the tests may do, wherever it runs.
func confined() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(bool),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}
