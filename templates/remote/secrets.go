package remote

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/internal/follow"
)

// Secret returns the keys of a Secret; nil when there is none.
func (s *Session) Secret(ctx context.Context, name string) (map[string][]byte, error) {
	secret, err := s.Core.CoreV1().Secrets(s.Namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, s.failed(verbGet, "Secret "+name, err)
	}
	return secret.Data, nil
}

// UntilEnd is a wait that only the end of the context bounds.
const UntilEnd time.Duration = -1

// AwaitSecret returns the keys of a Secret as soon as complete accepts them, or
// after wait, which may be 0 for at once or [UntilEnd], an error that wraps
// complete's.
func (s *Session) AwaitSecret(ctx context.Context, wait time.Duration, name string, complete func(map[string][]byte) error) (map[string][]byte, error) {
	data, err := s.Secret(ctx, name)
	if err != nil {
		return nil, err
	}
	missing := complete(data)
	if missing == nil {
		return data, nil
	}
	if wait == 0 {
		return nil, s.failed("read", "Secret "+name, missing)
	}
	ctx, cancel := within(ctx, wait)
	defer cancel()
	which := follow.Which{Fields: fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()}
	err = follow.Until(ctx, s.Core.CoreV1().Secrets(s.Namespace), which, nil, func(o *corev1.Secret, deleted bool) (bool, error) {
		if o.Name != name || deleted {
			return false, nil
		}
		data, missing = o.Data, complete(o.Data)
		return missing == nil, nil
	})
	if err != nil {
		return nil, s.failed("wait for", "Secret "+name, fmt.Errorf("%w: %w", missing, err))
	}
	return data, nil
}

// PutSecret applies a Secret of a relationship. Keys that an earlier PutSecret
// wrote and that are not in data go; keys of others stay.
func (s *Session) PutSecret(ctx context.Context, name string, data map[string][]byte, labels map[string]string, force bool) (Done, error) {
	client := s.Core.CoreV1().Secrets(s.Namespace)
	object := "Secret " + name
	before, err := client.Get(ctx, name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return "", s.failed(verbGet, object, err)
	}
	absent := err != nil
	desired := applycorev1.Secret(name, s.Namespace).
		WithLabels(managed(labels)).WithType(corev1.SecretTypeOpaque).WithData(data)
	after, err := client.Apply(ctx, desired, metav1.ApplyOptions{FieldManager: FieldManager, Force: force})
	switch {
	case err != nil:
		return "", s.failed(verbApply, object, err)
	case absent:
		return Created, nil
	case before.ResourceVersion == after.ResourceVersion && maps.EqualFunc(before.Data, after.Data, equalBytes):
		return Unchanged, nil
	}
	return Changed, nil
}

func equalBytes(a, b []byte) bool { return string(a) == string(b) }

// DeleteSecret removes a Secret; one that is gone is no error.
func (s *Session) DeleteSecret(ctx context.Context, name string) error {
	err := s.Core.CoreV1().Secrets(s.Namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return s.failed(verbDelete, "Secret "+name, err)
	}
	return nil
}

// managed adds the label that says who made an object.
func managed(labels map[string]string) map[string]string {
	all := maps.Clone(labels)
	if all == nil {
		all = map[string]string{}
	}
	all["app.kubernetes.io/managed-by"] = FieldManager
	return all
}

// Labels are those of the objects of a relationship.
func Labels(replication, relationship string) map[string]string {
	return map[string]string{contract.LabelReplication: replication, contract.LabelRelationship: relationship}
}

// AwaitLoadBalancer returns the address that a Service of type LoadBalancer has
// got: a host name, or an IP address. It waits as [Session.AwaitSecret] does.
func (s *Session) AwaitLoadBalancer(ctx context.Context, wait time.Duration, service string) (string, error) {
	client, object := s.Core.CoreV1().Services(s.Namespace), "Service "+service
	now, err := client.Get(ctx, service, metav1.GetOptions{})
	if err != nil {
		return "", s.failed(verbGet, object, err)
	}
	address := ingress(now)
	if address != "" {
		return address, nil
	}
	if wait == 0 {
		return "", s.failed("read", object, ErrNoIngress)
	}
	ctx, cancel := within(ctx, wait)
	defer cancel()
	which := follow.Which{Fields: fields.OneTermEqualSelector(metav1.ObjectNameField, service).String()}
	err = follow.Until(ctx, client, which, nil, func(o *corev1.Service, deleted bool) (bool, error) {
		if o.Name == service && !deleted {
			address = ingress(o)
		}
		return address != "", nil
	})
	if err != nil {
		return "", s.failed("wait for", object, fmt.Errorf("%w: %w", ErrNoIngress, err))
	}
	return address, nil
}

// ErrNoIngress is a load balancer that has no address yet.
var ErrNoIngress = errors.New("its load balancer has no address yet, status.loadBalancer.ingress is empty")

// within bounds a wait.
func within(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	if wait < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, wait, fmt.Errorf("not within %s", wait))
}

func ingress(service *corev1.Service) string {
	for _, i := range service.Status.LoadBalancer.Ingress {
		if i.Hostname != "" {
			return i.Hostname
		}
		if i.IP != "" {
			return i.IP
		}
	}
	return ""
}
