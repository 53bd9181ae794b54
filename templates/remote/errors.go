package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// RequestError is a request that a site's cluster did not answer as hoped.
type RequestError struct {
	Site, Context, Namespace string
	// Verb is what was asked for, such as create; Object on what, such as
	// "Secret scribe-wiki-dr-push".
	Verb, Object string
	Err          error
}

func (e *RequestError) Error() string {
	return fmt.Sprintf("site %s: context %s, namespace %s: %s %s: %v", e.Site, e.Context, e.Namespace, e.Verb, e.Object, brief(e.Err))
}

// brief leaves out the address of a request: where it went is said already.
func brief(err error) error {
	if address, ok := err.(*url.Error); ok {
		return address.Err
	}
	return err
}

// Unwrap returns the API server's error.
func (e *RequestError) Unwrap() error { return e.Err }

// Hint says what to do about it; empty when the error says all there is.
func (e *RequestError) Hint() string {
	var network net.Error
	var status apierrors.APIStatus
	var own interface{ Hint() string }
	switch {
	case errors.As(e.Err, &own):
		return own.Hint()
	case apierrors.IsForbidden(e.Err):
		return fmt.Sprintf("the account of context %s needs the right that the message names: `kubectl --context %s -n %s auth can-i --list` shows those it has",
			e.Context, e.Context, e.Namespace)
	case apierrors.IsUnauthorized(e.Err):
		return fmt.Sprintf("log in again: the cluster does not accept the credentials of context %s", e.Context)
	case apierrors.IsConflict(e.Err) && e.Verb == verbApply:
		return "another field manager set these fields; --force-conflicts takes them over"
	case errors.As(e.Err, &status) && status.Status().Details != nil && status.Status().Details.Kind == "namespaces":
		return fmt.Sprintf("make the namespace first: kubectl --context %s create namespace %s", e.Context, e.Namespace)
	case errors.Is(e.Err, context.Canceled):
	case errors.As(e.Err, &network) || errors.As(e.Err, new(*url.Error)):
		return fmt.Sprintf("is the cluster up and reachable from here? `kubectl --context %s cluster-info` asks it", e.Context)
	}
	return ""
}

// failed wraps an error of a request with where it went.
func (s *Session) failed(verb, object string, err error) error {
	return &RequestError{Site: s.Site, Context: s.Context, Namespace: s.Namespace, Verb: verb, Object: object, Err: err}
}

// Failed wraps an error of a request that an engine sent to the site.
func (s *Session) Failed(verb, object string, err error) error {
	if err == nil || errors.As(err, new(*RequestError)) {
		return err
	}
	return s.failed(verb, object, err)
}

// NotAppliedError is a pipeline that is not in the cluster.
type NotAppliedError struct{ Pipeline string }

func (e *NotAppliedError) Error() string {
	return fmt.Sprintf("pipeline %s is not in the cluster", e.Pipeline)
}

// Hint says how it gets there.
func (e *NotAppliedError) Hint() string {
	return "apply the site's bundle first: `scribe-gen run` does, or `scribe-gen generate -o bundles` and kubectl apply"
}

// DeletedError is a run whose object somebody deleted before it had ended.
type DeletedError struct{ Run string }

func (e *DeletedError) Error() string {
	return fmt.Sprintf("run %s was deleted before it had ended", e.Run)
}

// Hint says what became of it.
func (e *DeletedError) Hint() string {
	return "its pods were ended with it, and nothing was cleaned up; the next run removes what it left"
}
