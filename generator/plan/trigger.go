package plan

import (
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

// follows reports whether the pulls at a site are started by the push: what starts a
// run creates an object of the engine, so both sites must be of one engine in one
// cluster.
func (b *builder) follows(to spec.Site) bool {
	from := b.Spec.Sites[b.Spec.Source.Site]
	return b.Spec.Rclone != nil && b.Spec.Rclone.Trigger == spec.TriggerPush &&
		to.Engine != spec.EngineLocal && to.Engine == from.Engine && to.Context == from.Context
}

func (l *link) followsPush() bool { return l.follows(l.to) }

// starts are the pulls that a push starts.
func (l *link) starts() []Start {
	var starts []Start
	for _, d := range l.Spec.Destinations {
		to := l.Spec.Sites[d.Site]
		if !l.follows(to) {
			continue
		}
		relationship := contract.RelationshipName(l.Metadata.Name, d.Site)
		starts = append(starts, Start{
			Name: dutyStart + "-" + d.Site, Relationship: relationship,
			Pipeline: DestinationPipeline(relationship), Namespace: to.Namespace,
			Account: accountName(l.name, dutyStart),
		})
	}
	return starts
}

// starter is the publisher's account that may start the edge's pulls: at the edge
// there are only its rights.
func (l *link) starter() Account {
	source := l.Spec.Source.Site
	return Account{
		Name: accountName(contract.RelationshipName(l.Metadata.Name, source), dutyStart),
		Role: accountName(l.name, dutyStart), Namespace: l.Spec.Sites[source].Namespace,
	}
}
