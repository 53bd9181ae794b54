package contract

import "time"

// SnapshotCreate makes the point-in-time copy of the source, or finds the one
// that an earlier attempt of the run made.
type SnapshotCreate struct {
	Common
	Site
	Claim             string        `flag:"claim" usage:"the source's claim"`
	Name              string        `flag:"name" usage:"name of the copy (default scribe-copy-<run ID>)"`
	Method            string        `flag:"method" usage:"Auto, Clone, Snapshot or Direct"`
	StorageClass      string        `flag:"storage-class" usage:"StorageClass of the copy; default the source's"`
	SnapshotClass     string        `flag:"snapshot-class" usage:"VolumeSnapshotClass; default the driver's"`
	AccessModes       string        `flag:"access-modes" usage:"access modes of the copy, comma-separated; default the source's"`
	Capacity          string        `flag:"capacity" usage:"capacity of the copy; default the source's"`
	Keep              bool          `flag:"keep" usage:"keep the copy: it is not temporary, and neither cleanup nor a later run removes it"`
	Timeout           time.Duration `flag:"timeout" usage:"longest wait for the copy (default 10m)"`
	ClaimFile         string        `flag:"claim-file" usage:"file for the name of the claim to read from"`
	RecoveryPointFile string        `flag:"recovery-point-file" usage:"file for the recovery point, RFC 3339"`
	MethodFile        string        `flag:"method-file" usage:"file for the copy method that was used: Clone, Snapshot or Direct"`
}

// SnapshotCleanup removes what the run made and may not leave behind, and what
// killed runs of the relationship left.
type SnapshotCleanup struct {
	Common
	Site
}

// SnapshotPrune applies retention to the replica snapshots, after the latest is
// ready to use.
type SnapshotPrune struct {
	Common
	Site
	Retain
	Claim   string        `flag:"claim" usage:"name of the replica's claim"`
	Timeout time.Duration `flag:"timeout" usage:"longest wait for the latest snapshot to be ready to use (default 30m)"`
}

// RsyncKeys makes the relationship's SSH keys if they are absent.
type RsyncKeys struct {
	Common
	Site
	Address string `flag:"address" usage:"where the source reaches the listener"`
	Port    int    `flag:"port" usage:"port of the listener (default 2222)"`
	Rotate  bool   `flag:"rotate" usage:"make the next keys; the old ones are dropped once the next are in use"`
}

// RsyncListen receives one run into the replica and commits it.
type RsyncListen struct {
	Common
	Site
	Replica
	Keys     string        `flag:"keys" usage:"directory of the listener's keys"`
	Listen   string        `flag:"listen" usage:"address to listen on (default :2222)"`
	PortFile string        `flag:"port-file" usage:"file for the port that was bound"`
	Window   time.Duration `flag:"window" usage:"how long to wait for a commit (default 1h)"`
	Grace    time.Duration `flag:"grace" usage:"how long to answer repeated commits after the first (default 10s)"`
	Rsync    string        `flag:"rsync" usage:"the rsync program (default: the first rsync on PATH)"`
}

// RsyncPush sends the point-in-time copy to the listener and commits.
type RsyncPush struct {
	Common
	Guard
	Transfer
	Root           string        `flag:"root" usage:"where the source is mounted"`
	RecoveryPoint  string        `flag:"recovery-point" usage:"recovery point of the copy, RFC 3339"`
	Keys           string        `flag:"keys" usage:"directory of the push keys: client.key, host.pub, address, port"`
	Address        string        `flag:"address" usage:"address of the listener, if not the one in the keys"`
	Port           int           `flag:"port" usage:"port of the listener, if not the one in the keys"`
	ConnectTimeout time.Duration `flag:"connect-timeout" usage:"longest wait for the listener (default 10m)"`
	CommitTimeout  time.Duration `flag:"commit-timeout" usage:"longest wait for the answer to a commit (default 15m)"`
	User           string        `flag:"user" usage:"user at an ordinary OpenSSH server"`
	RemotePath     string        `flag:"remote-path" usage:"directory at an ordinary OpenSSH server; sends there with rsync alone, without recovery point or replica snapshot"`
}

// RsyncCopy sends the point-in-time copy to a replica mounted in the same pod,
// without network, and commits.
type RsyncCopy struct {
	Common
	Site
	Guard
	Transfer
	Replica
	Source        string `flag:"source" usage:"where the source is mounted"`
	RecoveryPoint string `flag:"recovery-point" usage:"recovery point of the copy, RFC 3339"`
}

// RclonePush publishes the point-in-time copy as a new generation in an object
// store, from where any number of destinations pull it.
type RclonePush struct {
	Common
	Site
	Guard
	ObjectStore
	Retain
	Root          string        `flag:"root" usage:"where the source is mounted"`
	RecoveryPoint string        `flag:"recovery-point" usage:"recovery point of the copy, RFC 3339"`
	Method        string        `flag:"method" usage:"how the source was copied; with Direct it is the live volume, and files that vanish while they are read are a warning"`
	Index         string        `flag:"index" usage:"directory that keeps the manifest of the last recovery point between runs, so that only what changed is read; empty to read everything"`
	Grace         time.Duration `flag:"grace" usage:"how long a generation stays after the next one was committed, for readers that are at work on it, and how long a push that was given up may come back (default 24h)"`
}

// RclonePull makes the replica equal to a generation of an object store and
// commits it.
type RclonePull struct {
	Common
	Site
	Guard
	ObjectStore
	Replica
	Generation int           `flag:"generation" usage:"number of the generation to pull; 0 for the latest"`
	Pin        time.Duration `flag:"pin" usage:"how long the generation is kept for this pull, from its start (default 6h)"`
}

// Promote makes an application's claim from a replica snapshot and refuses
// every further push.
type Promote struct {
	Common
	Site
	Replica      string        `flag:"replica" usage:"name of the replica's claim"`
	Claim        string        `flag:"claim" usage:"name of the claim to make"`
	At           string        `flag:"at" usage:"replica snapshot to restore: latest (default), a name, or the newest at or before an RFC 3339 time"`
	StorageClass string        `flag:"storage-class" usage:"StorageClass of the claim; default the replica's"`
	AccessModes  string        `flag:"access-modes" usage:"access modes of the claim, comma-separated; default the replica's"`
	Capacity     string        `flag:"capacity" usage:"capacity of the claim; default the replica's"`
	Timeout      time.Duration `flag:"timeout" usage:"longest wait for the listener to end and for the claim (default 10m)"`
	Resume       bool          `flag:"resume" usage:"undo the fencing: accept pushes again; the promoted claim is left alone"`
}

// TektonStart creates a PipelineRun from its skeleton, unless one of the same
// Pipeline is active, and removes old ones. A CronJob runs it, as Tekton has no
// schedules.
type TektonStart struct {
	Common
	Namespace string        `flag:"namespace" usage:"namespace of the PipelineRuns; default the pod's own"`
	Skeleton  string        `flag:"skeleton" usage:"file of the PipelineRun to create, YAML; its name is not used"`
	Name      string        `flag:"name" usage:"name of the PipelineRun, the same in every attempt of one start, such as the Job's; default made from the Pipeline's and --run-id"`
	Wait      time.Duration `flag:"wait" usage:"how long to wait for active runs of the Pipeline to end before this start is given up; 0 gives it up at once"`
	Keep      int           `flag:"keep" usage:"finished runs of the schedule to keep, of the succeeded ones and of the others each (default 3)"`
}

// TektonTurn waits until every older run of the Pipeline has ended, so that at
// most one works at a time.
type TektonTurn struct {
	Common
	Namespace string        `flag:"namespace" usage:"namespace of the PipelineRuns; default the pod's own"`
	Pipeline  string        `flag:"pipeline" usage:"name of the Pipeline; empty, for a step that runs alone, waits for nothing"`
	RunName   string        `flag:"run-name" usage:"name of the step's own PipelineRun"`
	Timeout   time.Duration `flag:"timeout" usage:"longest wait for the older runs (default 1h)"`
}

// The binaries of the steps.
const (
	ProgramSnapshot = "snapshot"
	ProgramRsync    = "rsync"
	ProgramPromote  = "promote"
	ProgramRclone   = "rclone"
	// ProgramTekton does for Tekton what other engines do themselves.
	ProgramTekton = "tekton"
)

func (*SnapshotCreate) Program() string  { return ProgramSnapshot }
func (*SnapshotCreate) Verb() string     { return "create" }
func (*SnapshotCleanup) Program() string { return ProgramSnapshot }
func (*SnapshotCleanup) Verb() string    { return "cleanup" }
func (*SnapshotPrune) Program() string   { return ProgramSnapshot }
func (*SnapshotPrune) Verb() string      { return "prune" }
func (*RsyncKeys) Program() string       { return ProgramRsync }
func (*RsyncKeys) Verb() string          { return "keys" }
func (*RsyncListen) Program() string     { return ProgramRsync }
func (*RsyncListen) Verb() string        { return "listen" }
func (*RsyncPush) Program() string       { return ProgramRsync }
func (*RsyncPush) Verb() string          { return "push" }
func (*RsyncCopy) Program() string       { return ProgramRsync }
func (*RsyncCopy) Verb() string          { return "copy" }
func (*RclonePush) Program() string      { return ProgramRclone }
func (*RclonePush) Verb() string         { return "push" }
func (*RclonePull) Program() string      { return ProgramRclone }
func (*RclonePull) Verb() string         { return "pull" }
func (*Promote) Program() string         { return ProgramPromote }
func (*Promote) Verb() string            { return "" }
func (*TektonStart) Program() string     { return ProgramTekton }
func (*TektonStart) Verb() string        { return "start" }
func (*TektonTurn) Program() string      { return ProgramTekton }
func (*TektonTurn) Verb() string         { return "turn" }

// Commands returns an empty value of every step's arguments, for tests and
// reference documentation.
func Commands() []Command {
	return []Command{
		&SnapshotCreate{}, &SnapshotCleanup{}, &SnapshotPrune{},
		&RsyncKeys{}, &RsyncListen{}, &RsyncPush{}, &RsyncCopy{},
		&RclonePush{}, &RclonePull{}, &Promote{},
		&TektonStart{}, &TektonTurn{},
	}
}
