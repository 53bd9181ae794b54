package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

// sized returns the job's spec with the source's capacity for a replica that is not
// there and for which the spec gives none. The compiler alone cannot know it; who
// reaches both sites can.
func (r *runner) sized(ctx context.Context, job runJob) (spec.Document, error) {
	document := job.document
	replication := *document.Replication
	i := slices.IndexFunc(replication.Spec.Destinations, func(d spec.Destination) bool {
		return contract.RelationshipName(replication.Metadata.Name, d.Site) == job.relationship
	})
	if i < 0 { // what is only published has no replica
		return document, nil
	}
	destination, home := replication.Spec.Destinations[i], job.ends[0]
	if home.isLocal() || home.Site.Name != destination.Site || destination.Capacity != "" || replication.Spec.Source.Capacity != "" {
		return document, nil
	}
	there, err := home.session.ClaimCapacity(ctx, destination.PersistentVolumeClaim)
	if err != nil || there != "" {
		return document, err
	}
	capacity, err := r.sourceCapacity(ctx, job, replication.Spec.Source.PersistentVolumeClaim)
	if err != nil {
		return document, err
	}
	if capacity == "" {
		return document, hintedError{
			fmt.Errorf("claim %s does not exist at %s, and how large to make it is not known", destination.PersistentVolumeClaim, home.where()),
			fmt.Sprintf("give spec.destinations[%d].capacity, or make the claim", i),
		}
	}
	r.console.note("%s: claim %s is made as large as the source, %s", home.Site.Name, destination.PersistentVolumeClaim, capacity)
	replication.Spec.Destinations = slices.Clone(replication.Spec.Destinations)
	replication.Spec.Destinations[i].Capacity = capacity
	document.Replication = &replication
	return document, nil
}

// sourceCapacity is that of the source's claim; "" where it is not in reach.
func (r *runner) sourceCapacity(ctx context.Context, job runJob, claim string) (string, error) {
	source := endOf(job.ends, contract.RoleSource)
	if source == nil && job.throughStore() && r.site == "" {
		publisher := job.target
		publisher.relationship = contract.RelationshipName(job.plan.Replication, job.document.Replication.Spec.Source.Site)
		ends, err := r.reach(r.io, publisher, "", contract.RoleSource)
		if err != nil {
			return "", err
		}
		source = endOf(ends, contract.RoleSource)
	}
	if source == nil || source.isLocal() {
		return "", nil
	}
	return source.session.ClaimCapacity(ctx, claim)
}
