package kubernetes

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/internal/cluster"
)

// binding is how far a claim has come.
type binding string

const (
	// bound means that there is a volume behind the claim.
	bound binding = "bound"
	// waiting means that the claim binds when a pod uses it (volumeBindingMode
	// WaitForFirstConsumer). Nobody may wait for it before.
	waiting binding = "waiting for its first consumer"
	// refused means that the provisioner will never bind it.
	refused binding = "refused"
)

// Reasons of Events about claims.
const (
	reasonFirstConsumer = "WaitForFirstConsumer"
	reasonPodScheduled  = "WaitForPodScheduled"
	reasonFailed        = "ProvisioningFailed"
	reasonFailedBinding = "FailedBinding"
	reasonExternal      = "ExternalProvisioning"
)

// awaitBinding waits until a claim is bound, or waits for its first consumer, or
// is refused, which comes with the provisioner's words.
func (s *Store) awaitBinding(ctx context.Context, claim *corev1.PersistentVolumeClaim) (how binding, words string, err error) {
	if claim.Status.Phase == corev1.ClaimBound {
		return bound, "", nil
	}
	w := &bindingWatch{Store: s, claim: claim}
	how, err = w.first(ctx)
	words = w.words()
	switch {
	case err != nil && words != "":
		return "", words, fmt.Errorf("claim %s is not bound; the last that was heard of it: %s: %w", claim.Name, words, err)
	case err != nil:
		return "", "", fmt.Errorf("claim %s is not bound: %w", claim.Name, err)
	case how == refused:
		// What was refused once may have come through since.
		now, err := s.claims.Get(ctx, claim.Name)
		if err == nil && now.UID == claim.UID && now.Status.Phase == corev1.ClaimBound {
			return bound, "", nil
		}
	}
	return how, words, nil
}

// bindingWatch watches a claim and the Events about it, which alone tell that a
// claim waits for a pod, or why it is not provisioned.
type bindingWatch struct {
	*Store
	claim *corev1.PersistentVolumeClaim
	// failure and state are the latest messages of Events.
	failure, state atomic.Pointer[string]
}

func (w *bindingWatch) words() string {
	for _, p := range []*atomic.Pointer[string]{&w.failure, &w.state} {
		if s := p.Load(); s != nil {
			return *s
		}
	}
	return ""
}

// first returns what the claim or its Events tell first.
func (w *bindingWatch) first(ctx context.Context) (binding, error) {
	type verdict struct {
		how binding
		err error
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	verdicts := make(chan verdict, 2)
	for _, watch := range []func(context.Context) (binding, error){w.watchClaim, w.watchEvents} {
		go func() {
			how, err := watch(ctx)
			verdicts <- verdict{how, err}
		}()
	}
	first := <-verdicts
	stop()
	<-verdicts
	return first.how, first.err
}

func (w *bindingWatch) watchClaim(ctx context.Context) (how binding, err error) {
	err = w.claims.Until(ctx, cluster.Named(w.claim.Name), func(present map[string]*corev1.PersistentVolumeClaim) (bool, error) {
		claim := present[w.claim.Name]
		switch {
		case claim == nil || claim.UID != w.claim.UID || deleting(claim):
			return false, fmt.Errorf("claim %s was deleted meanwhile", w.claim.Name)
		case claim.Status.Phase == corev1.ClaimBound:
			how = bound
		}
		return how != "", nil
	})
	return how, err
}

func (w *bindingWatch) watchEvents(ctx context.Context) (how binding, err error) {
	about := metav1.ListOptions{FieldSelector: "involvedObject.uid=" + string(w.claim.UID)}
	err = w.events.Until(ctx, about, func(present map[string]*corev1.Event) (bool, error) {
		how = w.judge(present)
		return how != "", nil
	})
	return how, err
}

// judge reads the Events about the claim.
func (w *bindingWatch) judge(events map[string]*corev1.Event) (how binding) {
	for _, event := range events {
		if event.InvolvedObject.UID != w.claim.UID {
			continue
		}
		switch event.Reason {
		case reasonFirstConsumer, reasonPodScheduled:
			return waiting
		case reasonExternal:
			w.state.Store(&event.Message)
		case reasonFailed, reasonFailedBinding:
			if before := w.failure.Swap(&event.Message); before == nil || *before != event.Message {
				w.log.Warn("the claim is not provisioned", "claim", w.claim.Name, "message", event.Message)
			}
			if event.Reason == reasonFailedBinding || permanent(event.Message) {
				how = refused
			}
		}
	}
	return how
}

// permanent reports whether a message of the external provisioner, or of a driver
// through it, tells that trying again gives the same answer. The provisioner tries
// again nevertheless, for ever.
func permanent(message string) bool {
	for _, words := range []string{
		"capability is not reported",               // the driver cannot clone or restore at all
		"infeasible error",                         // the driver answered InvalidArgument
		"code = InvalidArgument",                   //
		"code = Unimplemented",                     //
		"code = OutOfRange",                        // no volume of that size
		"claim in dataSource not bound or invalid", // another driver's volume
		"is not handled by CSI driver",             // another driver's snapshot
		"must be greater than or equal in size",    //
		"is less than the size",                    // the snapshot needs more
		"must have the same volume mode",           //
		"modifies the mode of the source volume",   //
		"no storage class is set",                  //
	} {
		if strings.Contains(message, words) {
			return true
		}
	}
	return strings.Contains(message, "storageclass.storage.k8s.io") && strings.Contains(message, "not found")
}
