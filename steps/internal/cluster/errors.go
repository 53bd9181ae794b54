package cluster

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// lacksRight reports whether the account has no role for a request. Quotas, Pod
// Security and admission plugins forbid things, too, but say so in other words.
func lacksRight(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), " cannot ") && strings.Contains(err.Error(), " resource ")
}

// overQuota reports whether a ResourceQuota stands in the way.
func overQuota(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota")
}

// unknownResource reports whether the cluster has no such resource at all, as
// without the CustomResourceDefinitions of snapshots. NotFound of an object names
// it; this one comes from a server that does not know the path.
func unknownResource(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.IsUnexpectedServerError(err)
}

// explain says in words what a request failed on, and gives errors that no retry
// can mend their exit code.
func (c caller) explain(verb, what string, err error) error {
	err = fmt.Errorf("%s %s: %w", verb, what, err)
	switch {
	case lacksRight(err):
		return step.Refuse(contract.RefusedForbidden,
			"%w; the Role that the bundle has for this ServiceAccount grants it: apply the bundle again", err)
	case apierrors.IsUnauthorized(err):
		return step.Refuse(contract.RefusedForbidden, "%w; the API server does not accept the ServiceAccount's token", err)
	case overQuota(err):
		return fmt.Errorf("%w; raise the ResourceQuota, or keep fewer replica snapshots (retain)", err)
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return step.Refuse(contract.RefusedForbidden, "%w", err)
	case unknownResource(err):
		return c.absent(&unknownError{err})
	case unanswered(err):
		return fmt.Errorf("%w; the API server did not answer for %s", err, patience)
	}
	return err
}

// unknownError is returned when the cluster has no such resource.
type unknownError struct{ error }

func (e *unknownError) Unwrap() error { return e.error }

// IsUnknown reports whether err came from a resource that the cluster does not
// have.
func IsUnknown(err error) bool {
	var unknown *unknownError
	return errors.As(err, &unknown)
}
