package kubernetes

import (
	"bytes"
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Secret implements [volume.Secrets].
func (s *Store) Secret(ctx context.Context, name string) (map[string][]byte, error) {
	found, err := s.secrets.Get(ctx, name)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("secret %s: %w", name, volume.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", name, err)
	}
	data := make(map[string][]byte, len(found.Data))
	for key, value := range found.Data {
		data[key] = append([]byte{}, value...) // an empty value is not nil
	}
	return data, nil
}

// PutSecret implements [volume.Secrets]. Labels and annotations that a Secret has
// already stay.
func (s *Store) PutSecret(ctx context.Context, name string, owner volume.Owner, data map[string][]byte) error {
	for {
		done, err := s.putSecret(ctx, name, owner, data)
		if err != nil {
			return fmt.Errorf("put secret %s: %w", name, err)
		}
		if done {
			return nil
		}
	}
}

// putSecret is one attempt, which is not done when somebody else was faster.
func (s *Store) putSecret(ctx context.Context, name string, owner volume.Owner, data map[string][]byte) (done bool, err error) {
	found, err := s.secrets.Get(ctx, name)
	switch {
	case apierrors.IsNotFound(err):
		_, err = s.secrets.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels(owner, nil)},
			Type:       corev1.SecretTypeOpaque,
			Data:       data,
		})
	case err == nil && !maps.EqualFunc(found.Data, data, bytes.Equal):
		found.Data = data
		_, err = s.secrets.Update(ctx, found)
	}
	if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) {
		return false, nil
	}
	return err == nil, err
}
