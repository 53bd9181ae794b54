package plan

import (
	"fmt"
	"time"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

// control is a step that mounts no volumes, with at most wait to wait for
// something.
func (l *link) control(s Step, wait time.Duration) Step {
	s.Pod = controlPod(&l.Spec.Mover)
	s.Timeout = wait + l.times.slack
	return s
}

// mover is a step that mounts volumes and may take as long as the run.
func (l *link) mover(s Step) Step {
	s.Pod = moverPod(&l.Spec.Mover)
	s.Timeout = l.times.attempt
	return s
}

func (l *link) snapshotStep() Step {
	source := l.Spec.Source
	return l.control(Step{
		Name: stepSnapshot,
		Command: &contract.SnapshotCreate{
			Common: l.common(), Site: site(l.from),
			Claim: source.PersistentVolumeClaim, Method: string(source.CopyMethod),
			StorageClass: source.StorageClassName, SnapshotClass: source.VolumeSnapshotClassName,
			AccessModes: modes(source.AccessModes), Capacity: source.Capacity,
			Timeout: l.times.copied, ClaimFile: File(outputClaim),
			RecoveryPointFile: File(outputRecoveryPoint), MethodFile: File(outputMethod),
		},
		Outputs: []string{outputClaim, outputRecoveryPoint, outputMethod},
		Account: l.account(dutySource).Name,
	}, l.times.copied)
}

func (l *link) pushStep() Step {
	transfer := l.transfer()
	transfer.Compress = string(l.Spec.Rsync.Compress)
	transfer.Streams = l.Spec.Rsync.Streams
	return l.mover(Step{
		Name: stepPush, Needs: []string{stepSnapshot},
		Command: &contract.RsyncPush{
			Common: l.common(), Guard: l.guard(), Transfer: transfer,
			Root: MountPath(mountData), RecoveryPoint: Output(stepSnapshot, outputRecoveryPoint),
			Keys: MountPath(mountKeys), ConnectTimeout: l.times.connect, CommitTimeout: l.times.commit,
		},
		Mounts: append([]Mount{
			l.copyMount(),
			{Name: mountKeys, Kind: MountSecret, Source: contract.PushSecret(l.name), Path: dirKeys, ReadOnly: true, Optional: true},
		}, l.sourceMounts()...),
		Account: l.account(dutyPush).Name,
	})
}

func (l *link) copyStep() Step {
	return l.mover(Step{
		Name: stepCopy, Needs: []string{stepSnapshot},
		Command: &contract.RsyncCopy{
			Common: l.common(), Site: site(l.to), Guard: l.guard(), Transfer: l.transfer(),
			Replica: l.replica(mountReplica),
			Source:  MountPath(mountData), RecoveryPoint: Output(stepSnapshot, outputRecoveryPoint),
		},
		Mounts: append([]Mount{
			l.copyMount(),
			{Name: mountReplica, Kind: MountClaim, Source: l.destination.PersistentVolumeClaim, Path: dirReplica},
		}, l.sourceMounts()...),
		Account: l.account(dutyCopy).Name,
	})
}

func (l *link) cleanupStep() Step {
	return l.control(Step{
		Name:    stepCleanup,
		Command: &contract.SnapshotCleanup{Common: l.common(), Site: site(l.from)},
		Account: l.account(dutySource).Name,
	}, 5*time.Minute)
}

func (l *link) keysStep() Step {
	return l.control(Step{
		Name: stepKeys,
		Command: &contract.RsyncKeys{
			Common: l.common(), Site: site(l.to), Address: l.address(), Port: l.port(),
		},
		Settings: []Setting{{Flag: "rotate", Param: paramRotate}},
		Account:  l.account(dutyKeys).Name,
	}, min(5*time.Minute, l.times.run/4))
}

func (l *link) listenStep() Step {
	return l.mover(Step{
		Name: stepListen, Needs: []string{stepKeys},
		Command: &contract.RsyncListen{
			Common: l.common(), Site: site(l.to), Replica: l.replica(mountData),
			Keys:   MountPath(mountKeys),
			Listen: fmt.Sprintf(":%d", contract.DefaultListenPort), Window: l.times.window,
		},
		Mounts: []Mount{
			{Name: mountData, Kind: MountClaim, Source: l.destination.PersistentVolumeClaim, Path: dirData},
			{Name: mountKeys, Kind: MountSecret, Source: contract.ListenerSecret(l.name), Path: dirKeys, ReadOnly: true},
		},
		Account: l.account(dutyListen).Name,
		Port:    contract.DefaultListenPort,
	})
}

// pruneSteps is nothing where there are no replica snapshots.
func (l *link) pruneSteps(after string) []Step {
	if !l.snapshots() {
		return nil
	}
	retain := l.destination.Retain
	return []Step{l.control(Step{
		Name: stepPrune, Needs: []string{after},
		Command: &contract.SnapshotPrune{
			Common: l.common(), Site: site(l.to), Claim: l.destination.PersistentVolumeClaim,
			Retain: retained(retain), Timeout: l.times.ready,
		},
		Account: l.account(dutyPrune).Name,
	}, l.times.ready)}
}

func (l *link) promoteStep() Step {
	return l.control(Step{
		Name: stepPromote,
		Command: &contract.Promote{
			Common: l.common(), Site: site(l.to), Replica: l.destination.PersistentVolumeClaim,
			Claim: ParamValue(paramClaim), At: ParamValue(paramAt), Timeout: l.times.ready,
		},
		Settings: []Setting{{Flag: "resume", Param: paramResume}},
		Account:  l.account(dutyPromote).Name,
	}, l.times.ready)
}

// replica is the volume that is received into, seen at a mount.
func (l *link) replica(mount string) contract.Replica {
	r := contract.Replica{
		Claim: l.destination.PersistentVolumeClaim, Root: MountPath(mount),
		CopyMethod: string(spec.CopyDirect),
	}
	if l.snapshots() {
		r.CopyMethod = string(spec.CopySnapshot)
		r.SnapshotClass = l.destination.VolumeSnapshotClassName
		r.SnapshotTimeout = l.times.cut
	}
	return r
}

// copyMount is the point-in-time copy, read-only at the claim.
func (l *link) copyMount() Mount {
	return Mount{
		Name: mountData, Kind: MountClaim, Source: Output(stepSnapshot, outputClaim),
		Path: dirData, ReadOnly: true,
	}
}

// sourceMounts are what a step that reads the source sees besides it.
func (l *link) sourceMounts() []Mount {
	mounts := l.filterMounts()
	if l.Spec.Source.Index != nil {
		mounts = append(mounts, Mount{Name: mountIndex, Kind: MountClaim, Source: IndexName(l.name), Path: dirIndex})
	}
	return mounts
}

func (l *link) filterMounts() []Mount {
	if len(l.Spec.Filters.Exclude) == 0 {
		return nil
	}
	return []Mount{{Name: mountFilters, Kind: MountText, Source: FiltersName(l.name), Path: dirFilters, ReadOnly: true}}
}

// retained are the rules of a retention as a step takes them.
func retained(r spec.Retain) contract.Retain {
	return contract.Retain{Last: r.Last, Hourly: r.Hourly, Daily: r.Daily, Weekly: r.Weekly, Monthly: r.Monthly}
}
