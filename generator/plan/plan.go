// Package plan is the engine-neutral form of a replication: per site, the
// pipelines with their steps, order, volumes, retries, limits and rights. It
// knows nothing of an engine's objects. Templates turn it into those; the local
// engine runs it as it is.
package plan

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/steps/contract"
)

// Plan is a replication, compiled.
type Plan struct {
	Replication string
	// Labels and Annotations are the user's, for every object.
	Labels, Annotations map[string]string
	// Sites are in the order of their names.
	Sites []Site
}

// Site is what one site runs and holds. It stands alone: sites share nothing but
// an SSH key pair for each relationship, or an object store.
type Site struct {
	Name string
	// Engine is argo, tekton or local.
	Engine string
	// Namespace is that of a Kubernetes site, Directory that of a local one.
	Namespace, Directory string
	// Relationships are those that have a pipeline here, in the spec's order.
	Relationships []Relationship
}

// Relationship is one relationship as one site sees it.
type Relationship struct {
	// Name is <replication>-<destination site>.
	Name      string
	Pipelines []Pipeline
	// Claims are the volumes the bundle creates.
	Claims []Claim
	// Listener is how peers reach the listener; nil where there is none.
	Listener *Listener
	// Texts are files of user text that steps mount, by the ConfigMap's name.
	Texts []Text
	// Accounts are the identities that steps run as.
	Accounts []Account
}

// Pipeline is a sequence of steps that an engine runs as one.
type Pipeline struct {
	// Name is that of the engine's object, at most 52 bytes.
	Name string
	// Role is source, destination or promote.
	Role string
	// Steps are in an order that respects Needs.
	Steps []Step
	// Finally runs after the steps, whatever became of them.
	Finally []Step
	// Params are what the person who starts a run may give.
	Params []Param
	// Schedule is nil for pipelines that are started by hand.
	Schedule *Schedule
	// Timeout bounds a run.
	Timeout time.Duration
	// Starts are pipelines at other sites of the same engine and cluster that a run
	// starts when its steps have succeeded. An engine that only runs what it is told
	// leaves them out.
	Starts []Start
	// Lock names what at most one run holds at a time; empty for none.
	Lock string
}

// Start is a pipeline at another site, in a namespace that the engine reaches.
type Start struct {
	// Name is unique among the steps of the pipeline that starts it: a DNS label.
	Name string
	// Relationship and Pipeline are what is started, Namespace where.
	Relationship, Pipeline, Namespace string
	// Account is the one that may start it there.
	Account string
}

// Param is an argument of a run.
type Param struct{ Name, Default, Description string }

// Schedule is when runs start.
type Schedule struct {
	// Cron has five fields.
	Cron string
	// TimeZone is an IANA name.
	TimeZone string
	Suspend  bool
	// StartingDeadline is how late a missed run may still start.
	StartingDeadline time.Duration
}

// Step is one step binary with its arguments.
type Step struct {
	// Name is unique in the pipeline: a DNS label.
	Name string
	// Needs are the steps that must have succeeded before.
	Needs []string
	// Command is the arguments, with variables ([Run], [Output], [ParamValue],
	// [MountPath]) in their string fields.
	Command contract.Command
	// Settings are flags of Command that a parameter sets.
	Settings []Setting
	// Outputs are the names of the files that the step writes for later steps or a
	// person to read. Where they are is for the engine to say: [File] is their path.
	Outputs []string
	// Mounts are what the step sees besides the image.
	Mounts []Mount
	// Account is the name of one of the relationship's accounts.
	Account string
	// Port is the TCP port the step listens on; 0 for none.
	Port int
	// Retry is what to do after a failure; Timeout bounds one attempt, pending
	// time included.
	Retry   Retry
	Timeout time.Duration
	// Pod is how the step's pod is run.
	Pod Pod
}

// Setting is a flag whose value is that of a parameter. The field of the command
// keeps its zero value: a Go bool or time.Duration has no room for a variable.
type Setting struct{ Flag, Param string }

// Retry is an exponential backoff. Exit codes in contract.NoRetry end it.
type Retry struct {
	Limit               int
	Backoff, MaxBackoff time.Duration
}

// MountKind is what a mount shows.
type MountKind string

// The kinds of mounts.
const (
	// MountClaim is a volume; Source is its claim's name, which may be a variable.
	MountClaim MountKind = "claim"
	// MountSecret is a Secret's keys as files of mode 0400.
	MountSecret MountKind = "secret"
	// MountText is a Text's files.
	MountText MountKind = "text"
)

// Mount is one thing that a step sees at a path.
type Mount struct {
	// Name is unique in the step: a DNS label. [MountPath] of it is Path, or the
	// directory itself where nothing needs to be mounted.
	Name   string
	Kind   MountKind
	Source string
	Path   string
	// Optional lets the step start when a Secret or Text is absent, to say so: a pod
	// that waits for one reports nothing until its time is over.
	Optional bool
	// ReadOnly claims are read-only at the claim, not only in the container: the
	// kubelet would else rewrite modes for fsGroup.
	ReadOnly bool
}

// Pod is how a step's pod is run.
type Pod struct {
	Image string
	// Owner: root with capabilities that keep owners. Otherwise any user ID
	// without capabilities.
	Owner           bool
	SecurityContext *corev1.PodSecurityContext
	Resources       corev1.ResourceRequirements
	// Added is the resources of each container that the engine adds to the pod; empty
	// when the spec says nothing of resources, so that the engine's own settings hold.
	Added             corev1.ResourceRequirements
	NodeSelector      map[string]string
	Tolerations       []corev1.Toleration
	Affinity          *corev1.Affinity
	PriorityClassName string
	Labels            map[string]string
	Annotations       map[string]string
}

// Claim is a volume that the bundle creates when it is absent.
type Claim struct {
	Name         string
	Capacity     string
	StorageClass string
	AccessModes  []corev1.PersistentVolumeAccessMode
}

// Listener is how peers reach the listener.
type Listener struct {
	// Service is its name; Pipeline and Step tell which pods it selects.
	Service, Pipeline, Step string
	Type                    corev1.ServiceType
	// Port is the Service's, TargetPort the pod's.
	Port, TargetPort int
	Annotations      map[string]string
	SourceRanges     []string
}

// Text is a ConfigMap of user text.
type Text struct {
	Name  string
	Files map[string]string
}

// Account is a ServiceAccount and the rights it needs in its own namespace.
type Account struct {
	Name string
	// Role is the name of its Role and RoleBinding: Name, unless the user names an
	// account, which may serve several relationships.
	Role string
	// Create is false when the user names an account of their own: then only the
	// Role and its binding are emitted.
	Create bool
	// Namespace is that of the account when it belongs to another site; Create is
	// false then.
	Namespace string
	Rules     []Rule
	// Lingering is what it needs besides where the engine leaves finished pods: they
	// hold the copies that they mounted until somebody deletes them.
	Lingering []Rule
	// Discover is set when a class must be looked up, which takes a ClusterRole.
	Discover []Rule
}

// Rule is a set of rights.
type Rule struct {
	Group     string
	Resources []string
	Names     []string
	Verbs     []string
	// Reason says what the right is for.
	Reason string
}
