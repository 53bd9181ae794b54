package plan

import (
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

// publisher is what the source's site has of a replication through an object store:
// one relationship, whatever the number of destinations, named like those with the
// source's own site.
func (b *builder) publisher(from spec.Site) Relationship {
	l := &link{builder: b, from: from, name: contract.RelationshipName(b.Metadata.Name, b.Spec.Source.Site)}
	r := Relationship{
		Name:      l.name,
		Pipelines: []Pipeline{l.publishPipeline()},
		Claims:    l.indexClaims(),
		Texts:     l.texts(),
		Accounts:  []Account{l.account(dutySource), l.account(dutyPush)},
	}
	if len(r.Pipelines[0].Starts) > 0 {
		r.Accounts = append(r.Accounts, l.account(dutyStart))
	}
	return r
}

// edge is what the site of one destination has. It stands alone: it knows the object
// store, and neither the source nor the other edges.
func (l *link) edge() Relationship {
	r := Relationship{
		Name:      l.name,
		Pipelines: append([]Pipeline{l.pullPipeline()}, l.promotePipelines()...),
		Claims:    l.claims(),
		Texts:     l.texts(),
		Accounts:  append([]Account{l.account(dutyPull)}, l.replicaAccounts()...),
	}
	if l.followsPush() {
		r.Accounts = append(r.Accounts, l.starter())
	}
	return r
}

// publishPipeline: copy the source, publish the copy as a generation, remove it.
func (l *link) publishPipeline() Pipeline {
	return l.pipeline(Pipeline{
		Name: SourcePipeline(l.name), Role: contract.RoleSource,
		Steps:    []Step{l.snapshotStep(), l.publishStep()},
		Finally:  []Step{l.cleanupStep()},
		Schedule: l.schedule(l.times.sourceDeadline()),
		Timeout:  l.times.run,
		Starts:   l.starts(),
	})
}

// pullPipeline: pull a generation and commit, apply retention.
func (l *link) pullPipeline() Pipeline {
	p := l.pipeline(Pipeline{
		Name: DestinationPipeline(l.name), Role: contract.RoleDestination,
		Steps: append([]Step{l.pullStep()}, l.pruneSteps(stepPull)...),
		Params: []Param{{Name: paramGeneration, Default: "0",
			Description: "number of the generation to pull; 0 for the latest"}},
		Schedule: l.schedule(l.times.sourceDeadline()),
		Timeout:  l.times.run + l.times.pruneStep(),
	})
	switch {
	case l.followsPush():
		p.Schedule = nil
	case p.Schedule != nil:
		p.Schedule.Cron = later(p.Schedule.Cron, l.times.period, l.name)
	}
	return p
}

func (l *link) publishStep() Step {
	return l.mover(Step{
		Name: stepPush, Needs: []string{stepSnapshot},
		Command: &contract.RclonePush{
			Common: l.common(), Site: site(l.from), Guard: l.guard(), ObjectStore: l.objectStore(),
			Retain: retained(l.Spec.Rclone.Retain),
			Root:   MountPath(mountData), RecoveryPoint: Output(stepSnapshot, outputRecoveryPoint),
			Method: Output(stepSnapshot, outputMethod), Index: l.index(), Grace: l.times.run,
		},
		Mounts:  append([]Mount{l.copyMount()}, append(l.storeMounts(), l.sourceMounts()...)...),
		Account: l.account(dutyPush).Name,
	})
}

func (l *link) pullStep() Step {
	return l.mover(Step{
		Name: stepPull,
		Command: &contract.RclonePull{
			Common: l.common(), Site: site(l.to), Guard: l.guard(), ObjectStore: l.objectStore(),
			Replica: l.replica(mountData), Pin: l.times.run,
		},
		Settings: []Setting{{Flag: "generation", Param: paramGeneration}},
		Mounts: append([]Mount{
			{Name: mountData, Kind: MountClaim, Source: l.destination.PersistentVolumeClaim, Path: dirData},
		}, append(l.storeMounts(), l.filterMounts()...)...),
		Account: l.account(dutyPull).Name,
	})
}

// objectStore is how rclone gets to the store.
func (l *link) objectStore() contract.ObjectStore {
	r := l.Spec.Rclone
	s := contract.ObjectStore{
		Remote: r.Remote, Config: MountPath(mountConfig), BandwidthLimit: r.BandwidthLimit,
		Transfers: r.Transfers, FilterFile: l.filterFile(),
	}
	if r.CustomCA != nil {
		s.CA = MountPath(mountCA) + "/" + r.CustomCA.Key
	}
	return s
}

// storeMounts are the Secrets that rclone needs. They are optional for the pod, so
// that the step can say which is missing.
func (l *link) storeMounts() []Mount {
	r := l.Spec.Rclone
	mounts := []Mount{{Name: mountConfig, Kind: MountSecret, Source: r.ConfigSecret, Path: dirConfig, ReadOnly: true, Optional: true}}
	if r.CustomCA != nil {
		mounts = append(mounts, Mount{Name: mountCA, Kind: MountSecret, Source: r.CustomCA.Secret, Path: dirCA, ReadOnly: true, Optional: true})
	}
	return mounts
}
