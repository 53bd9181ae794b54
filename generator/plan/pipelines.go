package plan

import (
	"strings"
	"time"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

// Names of steps, outputs, mounts and parameters.
const (
	stepSnapshot = "snapshot"
	stepPush     = "push"
	stepCopy     = "copy"
	stepPull     = "pull"
	stepCleanup  = "cleanup"
	stepKeys     = "keys"
	stepListen   = "listen"
	stepPrune    = "prune"
	stepPromote  = "promote"

	outputClaim         = "claim"
	outputRecoveryPoint = "recovery-point"
	outputMethod        = "method"

	mountData    = "data"
	mountReplica = "replica"
	mountKeys    = "keys"
	mountFilters = "filters"
	mountIndex   = "index"
	mountConfig  = "rclone"
	mountCA      = "ca"

	paramClaim  = "claim"
	paramAt     = "at"
	paramResume = "resume"
	paramRotate = "rotate"

	paramGeneration = "generation"
)

// off is the default of parameters that are switches.
const off = "false"

// Paths in the containers.
const (
	dirData    = "/data"
	dirReplica = "/replica"
	dirKeys    = "/etc/scribe/keys"
	dirFilters = "/etc/scribe/filters"
	dirConfig  = "/etc/scribe/rclone"
	dirCA      = "/etc/scribe/ca"
	dirIndex   = "/index"
)

// sourcePipeline: copy the source, send the copy, remove it.
func (l *link) sourcePipeline() Pipeline {
	return l.pipeline(Pipeline{
		Name: SourcePipeline(l.name), Role: contract.RoleSource,
		Steps:    []Step{l.snapshotStep(), l.pushStep()},
		Finally:  []Step{l.cleanupStep()},
		Schedule: l.schedule(l.times.sourceDeadline()),
		Timeout:  l.times.run,
	})
}

// destinationPipeline: have keys, receive and commit, apply retention.
func (l *link) destinationPipeline() Pipeline {
	return l.pipeline(Pipeline{
		Name: DestinationPipeline(l.name), Role: contract.RoleDestination,
		Steps:    append([]Step{l.keysStep(), l.listenStep()}, l.pruneSteps(stepListen)...),
		Params:   []Param{{Name: paramRotate, Default: off, Description: "true: make the next SSH keys"}},
		Schedule: l.schedule(l.times.destinationDeadline()),
		Timeout:  l.times.run + l.times.pruneStep(),
	})
}

// copyPipeline serves a relationship within one site: no network, no keys.
func (l *link) copyPipeline() Pipeline {
	return l.pipeline(Pipeline{
		Name: SourcePipeline(l.name), Role: contract.RoleSource,
		Steps:    append([]Step{l.snapshotStep(), l.copyStep()}, l.pruneSteps(stepCopy)...),
		Finally:  []Step{l.cleanupStep()},
		Schedule: l.schedule(l.times.sourceDeadline()),
		Timeout:  l.times.run + l.times.pruneStep(),
	})
}

// promotePipelines is started by hand. Its lock is its own: it must not queue
// behind a listener that waits for hours. The step fences the relationship in
// its state first, which the listener notices and ends.
func (l *link) promotePipelines() []Pipeline {
	if !l.snapshots() {
		return nil
	}
	return []Pipeline{l.pipeline(Pipeline{
		Name: PromotePipeline(l.name), Role: contract.RolePromote,
		Steps: []Step{l.promoteStep()},
		Params: []Param{
			{Name: paramClaim, Default: l.destination.PersistentVolumeClaim + spec.PromotedSuffix,
				Description: "name of the claim to make for the application"},
			{Name: paramAt, Default: "latest",
				Description: "replica snapshot: latest, a name, or the newest at or before an RFC 3339 time"},
			{Name: paramResume, Default: off,
				Description: "true: accept pushes again and leave the promoted claim alone"},
		},
		Timeout: l.times.run,
	})}
}

// pipeline fills in what every pipeline has. A lock is the pipeline's own: the
// two ends of a relationship wait for each other and may share a namespace.
func (l *link) pipeline(p Pipeline) Pipeline {
	p.Lock = p.Name
	for _, steps := range [][]Step{p.Steps, p.Finally} {
		for i := range steps {
			steps[i].Retry = l.retry
		}
	}
	return p
}

// schedule is that of the spec; nil when runs are started by hand.
func (l *link) schedule(startingDeadline time.Duration) *Schedule {
	s := l.Spec.Schedule
	if s == nil {
		return nil
	}
	zone := s.TimeZone
	if zone == "" {
		zone = "Etc/UTC"
	}
	return &Schedule{Cron: l.times.cron, TimeZone: zone, Suspend: s.Suspend, StartingDeadline: startingDeadline}
}

func (l *link) common() contract.Common {
	return contract.Common{Replication: l.Metadata.Name, Relationship: l.name, Run: Run}
}

// site is what a step needs to find the site's things.
func site(s spec.Site) contract.Site {
	if s.Engine == spec.EngineLocal {
		return contract.Site{Directory: s.Directory}
	}
	return contract.Site{Namespace: s.Namespace}
}

// guard and transfer are the mover's settings.
func (l *link) guard() contract.Guard {
	return contract.Guard{MaxDelete: l.Spec.Guard.MaxDelete, AllowEmptySource: l.Spec.Guard.AllowEmptySource}
}

// transfer is how the data is read. Which copy method Auto chose is known when
// the copy is made.
func (l *link) transfer() contract.Transfer {
	t := contract.Transfer{
		Method:         Output(stepSnapshot, outputMethod),
		BandwidthLimit: l.Spec.Rsync.BandwidthLimit,
	}
	t.FilterFile, t.Index = l.filterFile(), l.index()
	return t
}

// filterFile is the path of the user's filters; empty when there are none.
func (l *link) filterFile() string {
	if len(l.Spec.Filters.Exclude) == 0 {
		return ""
	}
	return MountPath(mountFilters) + "/" + contract.FilterKey
}

// index is the directory of the manifest of the last recovery point; empty when none
// is kept.
func (l *link) index() string {
	if l.Spec.Source.Index == nil {
		return ""
	}
	return MountPath(mountIndex)
}

// modes joins access modes for a flag.
func modes[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, m := range list {
		texts[i] = string(m)
	}
	return strings.Join(texts, ",")
}
