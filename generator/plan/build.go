package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

// Build compiles a replication that was defaulted and validated. It reads
// nothing but the spec.
func Build(r *spec.Replication) (*Plan, error) {
	b, err := newBuilder(r)
	if err != nil {
		return nil, err
	}
	p := &Plan{
		Replication: r.Metadata.Name,
		Labels:      r.Metadata.Labels,
		Annotations: r.Metadata.Annotations,
	}
	relationships, err := b.relationships()
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Spec.Sites)) {
		site := r.Spec.Sites[name]
		p.Sites = append(p.Sites, Site{
			Name: name, Engine: string(site.Engine),
			Namespace: site.Namespace, Directory: site.Directory,
			Relationships: relationships[name],
		})
	}
	return p, nil
}

// builder is a replication with its times parsed.
type builder struct {
	*spec.Replication
	times times
	retry Retry
}

func newBuilder(r *spec.Replication) (*builder, error) {
	b := &builder{Replication: r}
	var errs [3]error
	b.times, errs[0] = newTimes(&r.Spec)
	b.retry.Backoff, errs[1] = duration("spec.retry.backoff", r.Spec.Retry.Backoff)
	b.retry.MaxBackoff, errs[2] = duration("spec.retry.maxBackoff", r.Spec.Retry.MaxBackoff)
	if r.Spec.Retry.Limit != nil {
		b.retry.Limit = *r.Spec.Retry.Limit
	}
	return b, errors.Join(errs[:]...)
}

func duration(path, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// link is one relationship under construction.
type link struct {
	*builder
	name        string
	destination spec.Destination
	// from and to are the two sites.
	from, to spec.Site
}

// relationships returns what each site has of each relationship, in the spec's
// order.
func (b *builder) relationships() (map[string][]Relationship, error) {
	bySite := map[string][]Relationship{}
	from, ok := b.Spec.Sites[b.Spec.Source.Site]
	if !ok {
		return nil, fmt.Errorf("spec.source.site: no site %q in spec.sites", b.Spec.Source.Site)
	}
	if b.Spec.Rclone != nil {
		bySite[b.Spec.Source.Site] = append(bySite[b.Spec.Source.Site], b.publisher(from))
	}
	for i, d := range b.Spec.Destinations {
		to, ok := b.Spec.Sites[d.Site]
		if !ok {
			return nil, fmt.Errorf("spec.destinations[%d].site: no site %q in spec.sites", i, d.Site)
		}
		l := &link{
			builder: b, destination: d, from: from, to: to,
			name: contract.RelationshipName(b.Metadata.Name, d.Site),
		}
		if b.Spec.Rclone != nil {
			bySite[d.Site] = append(bySite[d.Site], l.edge())
			continue
		}
		if d.Site == b.Spec.Source.Site {
			bySite[d.Site] = append(bySite[d.Site], l.within())
			continue
		}
		bySite[b.Spec.Source.Site] = append(bySite[b.Spec.Source.Site], l.source())
		bySite[d.Site] = append(bySite[d.Site], l.target())
	}
	return bySite, nil
}

// source is the relationship at the site it starts from.
func (l *link) source() Relationship {
	return Relationship{
		Name:      l.name,
		Pipelines: []Pipeline{l.sourcePipeline()},
		Claims:    l.indexClaims(),
		Texts:     l.texts(),
		Accounts:  []Account{l.account(dutySource), l.account(dutyPush)},
	}
}

// target is the relationship at the site it ends at.
func (l *link) target() Relationship {
	return Relationship{
		Name:      l.name,
		Pipelines: append([]Pipeline{l.destinationPipeline()}, l.promotePipelines()...),
		Claims:    l.claims(),
		Listener:  l.listener(),
		Accounts:  append([]Account{l.account(dutyKeys), l.account(dutyListen)}, l.replicaAccounts()...),
	}
}

// within is a relationship that starts and ends at the same site.
func (l *link) within() Relationship {
	return Relationship{
		Name:      l.name,
		Pipelines: append([]Pipeline{l.copyPipeline()}, l.promotePipelines()...),
		Claims:    append(l.claims(), l.indexClaims()...),
		Texts:     l.texts(),
		Accounts:  append([]Account{l.account(dutySource), l.account(dutyCopy)}, l.replicaAccounts()...),
	}
}

// replicaAccounts are for what exists only where replica snapshots do.
func (l *link) replicaAccounts() []Account {
	if !l.snapshots() {
		return nil
	}
	return []Account{l.account(dutyPrune), l.account(dutyPromote)}
}

// snapshots reports whether a run cuts a replica snapshot.
func (l *link) snapshots() bool { return l.destination.CopyMethod != spec.CopyDirect }

// claims are the volumes of the bundle: the replica, when its capacity is known.
func (l *link) claims() []Claim {
	d := l.destination
	if d.Capacity == "" {
		return nil
	}
	modes := d.AccessModes
	if len(modes) == 0 {
		modes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	}
	return []Claim{{
		Name: d.PersistentVolumeClaim, Capacity: d.Capacity,
		StorageClass: d.StorageClassName, AccessModes: modes,
	}}
}

// indexClaims is the volume for the manifest of the last recovery point, where the
// spec wants one.
func (l *link) indexClaims() []Claim {
	index := l.Spec.Source.Index
	if index == nil {
		return nil
	}
	return []Claim{{
		Name: IndexName(l.name), Capacity: index.Capacity, StorageClass: index.StorageClassName,
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
	}}
}

// listener is the Service in front of the listener; a host outside Kubernetes
// has none.
func (l *link) listener() *Listener {
	if l.to.Engine == spec.EngineLocal {
		return nil
	}
	service := l.Spec.Rsync.Service
	return &Listener{
		Service: ServiceName(l.name), Pipeline: DestinationPipeline(l.name), Step: stepListen,
		Type: service.Type, Port: l.port(), TargetPort: contract.DefaultListenPort,
		Annotations: service.Annotations, SourceRanges: service.LoadBalancerSourceRanges,
	}
}

func (l *link) port() int {
	if p := l.Spec.Rsync.Service.Port; p != 0 {
		return p
	}
	return contract.DefaultListenPort
}

// address is where the source reaches the listener: what the spec says, else the
// DNS name of the Service, which another cluster cannot resolve.
func (l *link) address() string {
	switch {
	case l.to.Address != "":
		return l.to.Address
	case l.to.Engine == spec.EngineLocal:
		return "127.0.0.1"
	}
	return ServiceName(l.name) + "." + l.to.Namespace + ".svc"
}

// texts is the ConfigMap with the user's filters as rsync rules. User text is
// mounted, never interpolated: an engine would take "{{" in it for its own.
func (l *link) texts() []Text {
	if len(l.Spec.Filters.Exclude) == 0 {
		return nil
	}
	rules := ""
	for _, pattern := range l.Spec.Filters.Exclude {
		rules += "- " + pattern + "\n"
	}
	return []Text{{Name: FiltersName(l.name), Files: map[string]string{contract.FilterKey: rules}}}
}
