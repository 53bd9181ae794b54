// Package spec is what users write: the types of a Replication, their strict
// decoding, defaults and validation. It knows nothing of plans or engines'
// objects.
package spec

import corev1 "k8s.io/api/core/v1"

// APIVersion and Kind of a replication spec.
const (
	APIVersion = "scribe.backube/v1alpha1"
	Kind       = "Replication"
)

// Replication is one spec file: a source, one or more destinations, a method and
// a schedule.
type Replication struct {
	// Always scribe.backube/v1alpha1.
	APIVersion string `json:"apiVersion"`
	// Always Replication.
	Kind     string   `json:"kind"`
	Metadata Metadata `json:"metadata"`
	Spec     Spec     `json:"spec"`
}

// Metadata names a replication.
type Metadata struct {
	// A DNS label of at most 30 characters. It begins the name of every object.
	Name string `json:"name"`
	// Labels for every generated object.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations for every generated object.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Spec is what to replicate, from where to where, how and when.
type Spec struct {
	// The places that take part, by name (a DNS label). Each must be the source's
	// or a destination's.
	Sites map[string]Site `json:"sites"`
	// Where the data comes from.
	Source Source `json:"source"`
	// Where it goes; at least one, each at a site of its own.
	Destinations []Destination `json:"destinations"`
	// Moves data 1:1 with rsync over mutually authenticated SSH. Exactly one of
	// rsync and rclone must be given.
	Rsync *Rsync `json:"rsync,omitempty"`
	// Moves data 1:many with rclone through an object store.
	Rclone *Rclone `json:"rclone,omitempty"`
	// What not to replicate.
	Filters Filters `json:"filters,omitempty"`
	// When to stop before harm is done.
	Guard Guard `json:"guard,omitempty"`
	// When to run; absent: only on demand.
	Schedule *Schedule `json:"schedule,omitempty"`
	// What to do after a failure that a retry may mend.
	Retry Retry `json:"retry,omitempty"`
	// Longest duration of one run, such as 90m. Default 6h.
	Timeout string `json:"timeout,omitempty"`
	// Settings of the pods that mount volumes.
	Mover Mover `json:"mover,omitempty"`
}

// Engine is what runs a site's bundle.
type Engine string

// The engines.
const (
	EngineArgo   Engine = "argo"
	EngineTekton Engine = "tekton"
	EngineLocal  Engine = "local"
)

// Site is one namespace of one cluster, or one directory of one host.
type Site struct {
	// Namespace of a Kubernetes site.
	Namespace string `json:"namespace,omitempty"`
	// argo (default), tekton or local.
	Engine Engine `json:"engine,omitempty"`
	// Kubeconfig context; only scribe-gen's own commands use it.
	Context string `json:"context,omitempty"`
	// Where peers reach this site's listener; default: the DNS name of its
	// Service.
	Address string `json:"address,omitempty"`
	// Directory of a local site: an absolute path, or one relative to the
	// directory scribe-gen runs in.
	Directory string `json:"directory,omitempty"`
}

// CopyMethod is how a point-in-time image is made.
type CopyMethod string

// The copy methods. Auto and Clone are for sources only.
const (
	CopyAuto     CopyMethod = "Auto"
	CopyClone    CopyMethod = "Clone"
	CopySnapshot CopyMethod = "Snapshot"
	CopyDirect   CopyMethod = "Direct"
)

// Source is the volume that is replicated.
type Source struct {
	// Name of the source's site.
	Site string `json:"site"`
	// Name of the claim: a PersistentVolumeClaim, or a directory below volumes/
	// of a local site.
	PersistentVolumeClaim string `json:"persistentVolumeClaim"`
	// Auto (default): what the driver can do, in the order Clone, Snapshot,
	// Direct. Clone: a claim whose data source is the source. Snapshot: a
	// VolumeSnapshot and a claim from it. Direct: the live volume, read-only.
	CopyMethod CopyMethod `json:"copyMethod,omitempty"`
	// StorageClass of the point-in-time copy. Default: the source's.
	StorageClassName string `json:"storageClassName,omitempty"`
	// VolumeSnapshotClass of the point-in-time snapshot. Default: the driver's.
	VolumeSnapshotClassName string `json:"volumeSnapshotClassName,omitempty"`
	// Access modes of the copy, such as [ReadOnlyMany] for shallow copies.
	// Default: the source's.
	AccessModes []corev1.PersistentVolumeAccessMode `json:"accessModes,omitempty"`
	// Capacity of the copy. Default: the source's.
	Capacity string `json:"capacity,omitempty"`
	// Keeps the manifest of the last recovery point on a small volume of its own, so
	// that the next run looks only at what changed. A volume that is lost is made
	// anew by a full comparison. Absent: every run compares everything.
	Index *Index `json:"index,omitempty"`
}

// Index is the volume that keeps the manifest of the last recovery point.
type Index struct {
	// Capacity of the volume; a million files take about 100Mi. Default 1Gi.
	Capacity string `json:"capacity,omitempty"`
	// StorageClass of the volume; it must be usable on the nodes that the source's
	// copies are used on. Default: spec.source.storageClassName, else the cluster's.
	StorageClassName string `json:"storageClassName,omitempty"`
}

// Destination is one replica.
type Destination struct {
	// Name of the destination's site.
	Site string `json:"site"`
	// Name of the replica's claim, at most 244 characters unless copyMethod is
	// Direct. It is part of the bundle when a capacity is known; otherwise it must
	// exist.
	PersistentVolumeClaim string `json:"persistentVolumeClaim"`
	// Capacity of the claim. Default: spec.source.capacity; else scribe-gen run, which
	// reaches both sites, makes an absent claim as large as the source.
	Capacity string `json:"capacity,omitempty"`
	// StorageClass of the claim. Default: the cluster's.
	StorageClassName string `json:"storageClassName,omitempty"`
	// Access modes of the claim. Default: [ReadWriteOnce].
	AccessModes []corev1.PersistentVolumeAccessMode `json:"accessModes,omitempty"`
	// Snapshot (default): a replica snapshot per run. Direct: none.
	CopyMethod CopyMethod `json:"copyMethod,omitempty"`
	// VolumeSnapshotClass of the replica snapshots. Default: the driver's.
	VolumeSnapshotClassName string `json:"volumeSnapshotClassName,omitempty"`
	// Which replica snapshots to keep; not with copyMethod Direct.
	Retain Retain `json:"retain,omitempty"`
}

// Retain is how many replica snapshots, or generations, to keep; one that any rule
// keeps stays. The latest always stays.
type Retain struct {
	// Newest ones to keep. Default 3 when no rule is given.
	Last int `json:"last,omitempty"`
	// Hours to keep the newest one of.
	Hourly int `json:"hourly,omitempty"`
	// Days to keep the newest one of.
	Daily int `json:"daily,omitempty"`
	// Weeks (ISO 8601) to keep the newest one of.
	Weekly int `json:"weekly,omitempty"`
	// Months to keep the newest one of.
	Monthly int `json:"monthly,omitempty"`
}

// Rsync moves data with rsync over SSH from the source to a listener at the
// destination.
type Rsync struct {
	// How the listener is reached.
	Service Service `json:"service,omitempty"`
	// Bytes per second, as a quantity such as 50Mi. Default: no limit.
	BandwidthLimit string `json:"bandwidthLimit,omitempty"`
	// Auto (default): off. Always: zstd. Never: off.
	Compress Compress `json:"compress,omitempty"`
	// Parallel SSH channels for the data. 0 (default): chosen by the round-trip
	// time.
	Streams int `json:"streams,omitempty"`
}

// Compress is when data is compressed on the wire.
type Compress string

// When to compress.
const (
	CompressAuto   Compress = "Auto"
	CompressAlways Compress = "Always"
	CompressNever  Compress = "Never"
)

// Service is the listener's Service.
type Service struct {
	// ClusterIP (default), LoadBalancer or NodePort.
	Type corev1.ServiceType `json:"type,omitempty"`
	// Port of the Service. Default 2222.
	Port int `json:"port,omitempty"`
	// Annotations of the Service, for load balancers.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Networks that may connect to a LoadBalancer, such as 192.0.2.0/24. Default:
	// all.
	LoadBalancerSourceRanges []string `json:"loadBalancerSourceRanges,omitempty"`
}

// Rclone moves data with rclone through an object store.
type Rclone struct {
	// Secret with the key rclone.conf, at every site that takes part; destinations
	// need no right to write. Keys like RCLONE_TRANSFERS set what rclone's
	// environment variables of that name do.
	ConfigSecret string `json:"configSecret"`
	// Remote and path, such as s3:bucket/path; for this replication alone.
	Remote string `json:"remote"`
	// Certificate authority of the object store.
	CustomCA *CustomCA `json:"customCA,omitempty"`
	// Which generations to keep in the object store. Default: the last 3.
	Retain Retain `json:"retain,omitempty"`
	// Schedule (default): every destination pulls at its own time, a little after
	// the source's. Push: the pulls of destinations that have the source's engine and
	// context are started by the push when it is done; the others pull by schedule.
	Trigger Trigger `json:"trigger,omitempty"`
	// Bytes per second, as a quantity such as 50Mi. Default: no limit.
	BandwidthLimit string `json:"bandwidthLimit,omitempty"`
	// Files that travel at the same time. 0 (default): chosen by the step.
	Transfers int `json:"transfers,omitempty"`
}

// Trigger is what starts the pulls of an object store's destinations.
type Trigger string

// What starts pulls.
const (
	TriggerSchedule Trigger = "Schedule"
	TriggerPush     Trigger = "Push"
)

// CustomCA is a certificate in a Secret.
type CustomCA struct {
	// Name of the Secret.
	Secret string `json:"secret"`
	// Key in the Secret. Default ca.crt.
	Key string `json:"key,omitempty"`
}

// Filters is what not to replicate, in rsync's filter syntax; it means the same
// for every mover. What is excluded is neither sent nor deleted.
type Filters struct {
	// Patterns to leave out, such as "*.tmp" or "cache/".
	Exclude []string `json:"exclude,omitempty"`
}

// Guard stops a run before it harms the replica.
type Guard struct {
	// The largest number of entries a run may delete, as a number or a percentage
	// of the replica's. Default 50%.
	MaxDelete string `json:"maxDelete,omitempty"`
	// Replicate a source without any file. Default false.
	AllowEmptySource bool `json:"allowEmptySource,omitempty"`
}

// Schedule is when runs start.
type Schedule struct {
	// Five fields, or @hourly, @daily, @weekly, @monthly, @yearly.
	Cron string `json:"cron"`
	// IANA time zone. Default Etc/UTC.
	TimeZone string `json:"timeZone,omitempty"`
	// Do not start runs. Default false.
	Suspend bool `json:"suspend,omitempty"`
}

// Retry is what to do after a failure that a retry may mend. Refusals are not
// retried.
type Retry struct {
	// Retries after the first attempt. Default 4.
	Limit *int `json:"limit,omitempty"`
	// Wait before the first retry; it doubles with each. Default 20s.
	Backoff string `json:"backoff,omitempty"`
	// Longest wait. Default 5m, or backoff where that is longer.
	MaxBackoff string `json:"maxBackoff,omitempty"`
}

// Privileges is what a mover may do to files.
type Privileges string

// The privileges of movers.
const (
	// PrivilegesOwner is root with the capabilities that keep owners, modes,
	// file capabilities and device nodes; it meets the Pod Security Standard
	// "baseline".
	PrivilegesOwner Privileges = "Owner"
	// PrivilegesRestricted is any user ID without capabilities; it meets
	// "restricted". Owners become the mover's.
	PrivilegesRestricted Privileges = "Restricted"
)

// Mover is the pod settings of the steps that mount volumes.
type Mover struct {
	// Owner (default): root with the capabilities that keep owners, modes, file
	// capabilities and device nodes. Restricted: any user ID without capabilities;
	// owners become the mover's.
	Privileges Privileges `json:"privileges,omitempty"`
	// Pod security context; its fields override the generated ones. It cannot
	// change what privileges say of root.
	SecurityContext *corev1.PodSecurityContext `json:"securityContext,omitempty"`
	// Requests and limits of the mover's container. With any, the containers that an
	// engine adds have small ones, too, and all of them name the resources that a
	// ResourceQuota may demand.
	Resources corev1.ResourceRequirements `json:"resources,omitempty"`
	// Labels of the nodes a mover may run on.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Taints a mover tolerates.
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
	// Affinity of movers.
	Affinity *corev1.Affinity `json:"affinity,omitempty"`
	// PriorityClass of movers.
	PriorityClassName string `json:"priorityClassName,omitempty"`
	// Labels of mover pods.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of mover pods.
	Annotations map[string]string `json:"annotations,omitempty"`
	// ServiceAccount of movers. Default: one that the bundle makes. One that is
	// named here must have the rights of the Roles in the bundle.
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// Image of the steps. Default: the image of this version of scribe-gen.
	Image string `json:"image,omitempty"`
}
