package spec

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/backube/scribe-gen/steps/contract"
)

const (
	// ReplicationNameLimit is the longest name of a replication.
	ReplicationNameLimit = 30
	// PipelineNameLimit is the longest name of a pipeline: the controllers of
	// CronWorkflows and CronJobs add up to 11 characters for each run.
	PipelineNameLimit = validation.DNS1123LabelMaxLength - 11
	// PromotedSuffix makes the name of the claim that a promotion makes, unless one is
	// given, from the replica's.
	PromotedSuffix = "-promoted"
	// ReplicaNameLimit is the longest name of a replica's claim that can be promoted.
	ReplicaNameLimit = validation.DNS1123SubdomainMaxLength - len(PromotedSuffix)
)

// derivedName is a name made from a relationship, and what bears it.
type derivedName struct {
	name, kind string
	limit      int
}

// derivedNames are the names that grow with the relationship's.
func derivedNames(relationship string) []derivedName {
	pipeline := func(suffix string) derivedName {
		return derivedName{"scribe-" + relationship + suffix, "a pipeline", PipelineNameLimit}
	}
	object := func(name, kind string) derivedName {
		return derivedName{name, kind, validation.DNS1123LabelMaxLength}
	}
	return []derivedName{
		pipeline("-src"), pipeline("-dst"), pipeline("-promote"),
		object(contract.SnapshotName(relationship, "run"), "a replica snapshot"),
		object(contract.ListenerSecret(relationship), "a Secret"),
		object(contract.PushSecret(relationship), "a Secret"),
		object(contract.StateName(relationship), "a ConfigMap"),
	}
}

// validateDerivedNames reports destinations whose site makes a name too long for
// Kubernetes, once each, with the name that is the furthest over its limit.
func validateDerivedNames(r *Replication, p *field.Path) field.ErrorList {
	name := r.Metadata.Name
	if name == "" || len(name) > ReplicationNameLimit {
		return nil
	}
	var errs field.ErrorList
	for i, d := range r.Spec.Destinations {
		errs = append(errs, validateRelationshipName(name, d.Site, p.Child("destinations").Index(i).Child("site"))...)
	}
	if r.Spec.Rclone != nil {
		errs = append(errs, validateRelationshipName(name, r.Spec.Source.Site, p.Child("source", "site"))...)
	}
	return errs
}

func validateRelationshipName(replication, site string, p *field.Path) field.ErrorList {
	var worst derivedName
	over := 0
	for _, n := range derivedNames(contract.RelationshipName(replication, site)) {
		if excess := len(n.name) - n.limit; excess > over {
			worst, over = n, excess
		}
	}
	if over == 0 || site == "" {
		return nil
	}
	return field.ErrorList{field.Invalid(p, site, fmt.Sprintf(
		"makes the name %s of %s, which has %d characters, %d too many: shorten the site's or the replication's name",
		worst.name, worst.kind, len(worst.name), over))}
}
