package enginetest

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// sample is a plan with every feature, at one site of the engine; at another there is
// what the first starts.
func sample(engine string) *plan.Plan {
	return &plan.Plan{
		Replication: "r",
		Labels:      map[string]string{"team": "blue"},
		Annotations: map[string]string{"contact": "blue@example.com"},
		Sites: []plan.Site{{
			Name: "here", Engine: engine, Namespace: "apps",
			Relationships: []plan.Relationship{{
				Name:      "r-here",
				Pipelines: []plan.Pipeline{sourcePipeline(), destinationPipeline(), promotePipeline()},
				Claims: []plan.Claim{{
					Name: "replica", Capacity: "1Gi", StorageClass: "fast",
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				}},
				Listener: &plan.Listener{
					Service: "scribe-r-here", Pipeline: "scribe-r-here-dst", Step: "listen",
					Type: corev1.ServiceTypeLoadBalancer, Port: 22, TargetPort: 2222,
					Annotations:  map[string]string{"load-balancer": "internal"},
					SourceRanges: []string{"192.0.2.0/24"},
				},
				Texts: []plan.Text{{
					Name:  "scribe-r-here-filters",
					Files: map[string]string{"filters": "- {{x}} $(y) *.tmp\n"},
				}},
				Accounts: accounts(),
			}},
		}, {
			Name: "there", Engine: engine, Namespace: "edge",
			Relationships: []plan.Relationship{{
				Name: "r-there", Pipelines: []plan.Pipeline{startedPipeline()},
				Accounts: []plan.Account{
					{Name: "scribe-r-there-pull", Role: "scribe-r-there-pull", Create: true},
					{Name: "scribe-r-here-start", Role: "scribe-r-there-start", Namespace: "apps"},
				},
			}},
		}},
	}
}

func accounts() []plan.Account {
	return []plan.Account{
		{Name: "scribe-r-here-source", Role: "scribe-r-here-source", Create: true,
			Rules: []plan.Rule{{
				Resources: []string{"persistentvolumeclaims"}, Verbs: []string{"get", "create"}, Reason: "copies",
			}},
			Discover: []plan.Rule{{
				Group: "storage.k8s.io", Resources: []string{"storageclasses"}, Verbs: []string{"get"}, Reason: "class",
			}},
		},
		{Name: "own", Role: "scribe-r-here-listen", Create: false,
			Rules: []plan.Rule{{
				Resources: []string{"configmaps"}, Names: []string{"scribe-r-here-state"},
				Verbs: []string{"get"}, Reason: "state",
			}},
		},
		{Name: "scribe-r-here-push", Role: "scribe-r-here-push", Create: true},
		{Name: "scribe-r-here-start", Role: "scribe-r-here-start", Create: true},
	}
}

var (
	retry = plan.Retry{Limit: 3, Backoff: 10 * time.Second, MaxBackoff: 2 * time.Minute}
	// control and mover are the two kinds of pods.
	control = plan.Pod{Image: "example.com/steps:1"}
)

func common() contract.Common {
	return contract.Common{Replication: "r", Relationship: "r-here", Run: plan.Run}
}

func mover(owner bool) plan.Pod {
	user, group := int64(1000), int64(2000)
	pod := plan.Pod{
		Image: "example.com/steps:1", Owner: owner,
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("1"),
		}},
		NodeSelector: map[string]string{"disk": "fast"},
		Tolerations:  []corev1.Toleration{{Key: "movers", Operator: corev1.TolerationOpExists}},
		Affinity: &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
				Weight: 1, PodAffinityTerm: corev1.PodAffinityTerm{TopologyKey: "zone"},
			}},
		}},
		PriorityClassName: "low",
		Labels:            map[string]string{"tier": "batch"},
		Annotations:       map[string]string{"cost": "42"},
	}
	if !owner {
		pod.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &user, FSGroup: &group}
	}
	return pod
}

func sourcePipeline() plan.Pipeline {
	return plan.Pipeline{
		Name: "scribe-r-here-src", Role: contract.RoleSource, Timeout: 2 * time.Hour, Lock: "scribe-r-here-src",
		Schedule: &plan.Schedule{Cron: "*/15 * * * *", TimeZone: "Europe/Berlin", StartingDeadline: 5 * time.Minute},
		Steps: []plan.Step{
			{Name: "snapshot", Account: "scribe-r-here-source", Retry: retry, Timeout: 10 * time.Minute, Pod: control,
				Command: &contract.SnapshotCreate{Common: common(), Claim: "data", ClaimFile: plan.File("claim")},
				Outputs: []string{"claim"}},
			{Name: "push", Needs: []string{"snapshot"}, Account: "scribe-r-here-push", Retry: retry, Timeout: time.Hour,
				Pod: mover(true),
				Command: &contract.RsyncPush{
					Common: common(), Transfer: contract.Transfer{FilterFile: plan.MountPath("filters") + "/filters"},
					Root: plan.MountPath("data"), Keys: plan.MountPath("keys"),
				},
				Mounts: []plan.Mount{
					{Name: "data", Kind: plan.MountClaim, Source: plan.Output("snapshot", "claim"), Path: "/data", ReadOnly: true},
					{Name: "keys", Kind: plan.MountSecret, Source: "scribe-r-here-push", Path: "/etc/scribe/keys", ReadOnly: true, Optional: true},
					{Name: "filters", Kind: plan.MountText, Source: "scribe-r-here-filters", Path: "/etc/scribe/filters", ReadOnly: true},
				}},
			{Name: "report", Needs: []string{"snapshot", "push"}, Account: "scribe-r-here-source", Retry: retry,
				Timeout: time.Minute, Pod: control,
				Command: &contract.SnapshotPrune{Common: common(), Claim: plan.Output("snapshot", "claim"), Retain: contract.Retain{Last: 1}}},
		},
		Finally: []plan.Step{
			{Name: "cleanup", Account: "scribe-r-here-source", Retry: retry, Timeout: 5 * time.Minute, Pod: control,
				Command: &contract.SnapshotCleanup{Common: common()}},
		},
		Starts: []plan.Start{{
			Name: "start-there", Relationship: "r-there", Pipeline: "scribe-r-there-dst", Namespace: "edge",
			Account: "scribe-r-here-start",
		}},
	}
}

func startedPipeline() plan.Pipeline {
	return plan.Pipeline{
		Name: "scribe-r-there-dst", Role: contract.RoleDestination, Timeout: 2 * time.Hour, Lock: "scribe-r-there-dst",
		Steps: []plan.Step{
			{Name: "pull", Account: "scribe-r-there-pull", Retry: retry, Timeout: time.Hour, Pod: mover(true),
				Command: &contract.RclonePull{Common: common(), Replica: contract.Replica{Root: plan.MountPath("data")}},
				Mounts:  []plan.Mount{{Name: "data", Kind: plan.MountClaim, Source: "replica", Path: "/data"}}},
		},
	}
}

func destinationPipeline() plan.Pipeline {
	return plan.Pipeline{
		Name: "scribe-r-here-dst", Role: contract.RoleDestination, Timeout: 2 * time.Hour, Lock: "scribe-r-here-dst",
		Schedule: &plan.Schedule{Cron: "@hourly", TimeZone: "Etc/UTC", Suspend: true, StartingDeadline: time.Hour},
		Steps: []plan.Step{
			{Name: "keys", Account: "scribe-r-here-source", Retry: retry, Timeout: time.Minute, Pod: control,
				Command: &contract.RsyncKeys{Common: common(), Address: "r-here.apps.svc", Port: 22}},
			{Name: "listen", Needs: []string{"keys"}, Account: "own", Retry: plan.Retry{}, Timeout: time.Hour, Port: 2222, Pod: mover(false),
				Command: &contract.RsyncListen{Common: common(), Keys: plan.MountPath("keys"),
					Replica: contract.Replica{Root: plan.MountPath("data")}},
				Mounts: []plan.Mount{
					{Name: "data", Kind: plan.MountClaim, Source: "replica", Path: "/data"},
					{Name: "keys", Kind: plan.MountSecret, Source: "scribe-r-here-listener", Path: "/etc/scribe/keys", ReadOnly: true},
				}},
		},
	}
}

func promotePipeline() plan.Pipeline {
	return plan.Pipeline{
		Name: "scribe-r-here-promote", Role: contract.RolePromote, Timeout: 2 * time.Hour,
		Params: []plan.Param{{Name: "at", Default: "latest", Description: "which replica snapshot"}},
		Steps: []plan.Step{
			{Name: "promote", Account: "scribe-r-here-source", Retry: retry, Timeout: time.Hour, Pod: control,
				Command: &contract.Promote{Common: common(), Replica: "replica", Claim: "app", At: plan.ParamValue("at")}},
		},
	}
}
