package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/cluster"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Load implements [volume.States]. The version is the resource version of the
// ConfigMap.
func (s *Store) Load(ctx context.Context, relationship string) (contract.State, volume.Version, error) {
	found, err := s.configMaps.Get(ctx, contract.StateName(relationship))
	if apierrors.IsNotFound(err) {
		return contract.State{}, "", nil
	}
	if err != nil {
		return contract.State{}, "", fmt.Errorf("load state of %s: %w", relationship, err)
	}
	state, err := stateOf(found)
	if err != nil {
		return contract.State{}, "", fmt.Errorf("load state of %s: %w", relationship, err)
	}
	return state, volume.Version(found.ResourceVersion), nil
}

// stateOf reads the state in a ConfigMap; nil and one without state have none.
func stateOf(found *corev1.ConfigMap) (state contract.State, err error) {
	if found == nil || found.Data[contract.StateKey] == "" {
		return state, nil
	}
	if err := json.Unmarshal([]byte(found.Data[contract.StateKey]), &state); err != nil {
		return contract.State{}, fmt.Errorf("key %s of ConfigMap %s, to be mended by hand: %w", contract.StateKey, found.Name, err)
	}
	return state, nil
}

// Save implements [volume.States]. Other keys, labels and annotations of the
// ConfigMap stay.
func (s *Store) Save(ctx context.Context, state contract.State, old volume.Version) error {
	text, err := json.MarshalIndent(state, "", "  ")
	if err == nil {
		err = s.save(ctx, state.Relationship, string(text)+"\n", old)
	}
	if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		err = volume.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("save state of %s: %w", state.Relationship, err)
	}
	return nil
}

func (s *Store) save(ctx context.Context, relationship, text string, old volume.Version) error {
	name, data := contract.StateName(relationship), map[string]string{contract.StateKey: text}
	if old == "" {
		_, err := s.configMaps.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels(volume.Owner{Relationship: relationship}, nil)},
			Data:       data,
		})
		return err
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": old}, // refuses a newer one
		"data":     data,
	})
	if err != nil {
		return err
	}
	_, err = s.configMaps.Merge(ctx, name, patch)
	return err
}

// Watch implements [volume.States]. A right that is missing is an error at once;
// later the watch goes on whatever happens to the API server.
func (s *Store) Watch(ctx context.Context, relationship string) (<-chan contract.State, error) {
	opts := cluster.Named(contract.StateName(relationship))
	if _, _, err := s.configMaps.List(ctx, opts); err != nil {
		return nil, fmt.Errorf("watch state of %s: %w", relationship, err)
	}
	states := make(chan contract.State)
	go func() {
		defer close(states)
		delay := cluster.Delays()
		for ctx.Err() == nil {
			if err := s.watch(ctx, relationship, opts, states); err != nil && ctx.Err() == nil {
				s.log.Error("the state cannot be watched; trying again", "relationship", relationship, "error", err.Error())
				cluster.Pause(ctx, delay())
			}
		}
	}()
	return states, nil
}

// watch sends the state now and after each change.
func (s *Store) watch(ctx context.Context, relationship string, opts metav1.ListOptions, states chan<- contract.State) error {
	sent := "never"
	return s.configMaps.Until(ctx, opts, func(present map[string]*corev1.ConfigMap) (bool, error) {
		found, version := present[contract.StateName(relationship)], ""
		if found != nil {
			version = found.ResourceVersion
		}
		if version == sent {
			return false, nil
		}
		state, err := stateOf(found)
		if err != nil {
			s.log.Error("the state cannot be read; waiting for its next change", "relationship", relationship, "error", err.Error())
			return false, nil
		}
		select {
		case states <- state:
			sent = version
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	})
}
