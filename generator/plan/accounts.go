package plan

import (
	"slices"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

// The duties that have an account of their own: a step has the rights of its
// duty and no others, so that a mover that is broken into by way of its data has
// none worth taking.
const (
	dutySource  = "source"
	dutyPush    = "push"
	dutyKeys    = "keys"
	dutyListen  = "listen"
	dutyCopy    = "copy"
	dutyPrune   = "prune"
	dutyPromote = "promote"
	dutyPull    = "pull"
	dutyStart   = "start"
)

// API groups and resources that steps use.
const (
	groupCore      = ""
	groupSnapshots = "snapshot.storage.k8s.io"

	claims          = "persistentvolumeclaims"
	snapshots       = "volumesnapshots"
	snapshotClasses = "volumesnapshotclasses"
)

// rule makes a Rule for one resource.
func rule(group, resource, reason string, verbs ...string) Rule {
	return Rule{Group: group, Resources: []string{resource}, Verbs: verbs, Reason: reason}
}

// on limits a rule to named objects.
func (r Rule) on(names ...string) Rule {
	r.Names = names
	return r
}

// account returns the account of a duty at the relationship.
func (l *link) account(duty string) Account {
	name := accountName(l.name, duty)
	a := Account{Name: name, Role: name, Create: true, Rules: l.rules(duty), Discover: l.discover(duty)}
	if duty == dutySource {
		a.Lingering = []Rule{rule(groupCore, "pods", "remove finished pods that hold copies", "delete")}
	}
	own := l.Spec.Mover.ServiceAccountName
	if own != "" && slices.Contains([]string{dutyPush, dutyListen, dutyCopy, dutyPull}, duty) {
		a.Name, a.Create = own, false
	}
	return a
}

// rules is the table of rights in the site's own namespace. Kubernetes cannot
// limit create by name: those rules have no names.
func (l *link) rules(duty string) []Rule {
	switch duty {
	case dutySource:
		return l.sourceRules()
	case dutyKeys:
		return []Rule{
			rule(groupCore, "secrets", "make the relationship's keys", "create"),
			rule(groupCore, "secrets", "find, rotate and complete the keys", "get", "update").
				on(contract.ListenerSecret(l.name), contract.PushSecret(l.name)),
			rule(groupCore, "configmaps", "learn whether the next key is in use", "get").
				on(contract.StateName(l.name)),
		}
	case dutyListen:
		return slices.Concat(l.stateRules("get", "list", "watch", "patch"), l.cutRules())
	case dutyCopy, dutyPull:
		return slices.Concat(l.stateRules("get", "patch"), l.cutRules())
	case dutyPrune:
		return []Rule{
			rule(groupSnapshots, snapshots, "wait for the latest replica snapshot, remove old ones",
				"get", "list", "watch", "delete"),
			rule(groupCore, "configmaps", "learn whether the relationship is promoted", "get").
				on(contract.StateName(l.name)),
		}
	case dutyPromote:
		return append(l.stateRules("get", "list", "watch", "patch"),
			rule(groupSnapshots, snapshots, "choose the replica snapshot, wait until it is ready to use",
				"get", "list", "watch"),
			rule(groupCore, claims, "make the application's claim, wait until it is usable",
				"get", "list", "watch", "create"),
			eventRule(),
			rule(groupCore, "pods", "wait until no listener writes to the replica", "list", "watch"),
		)
	}
	if duty == dutyPush && l.Spec.Rclone != nil {
		return l.stateRules("get", "patch")
	}
	return nil // push over SSH only reads what is mounted; what start may, the engine says
}

// sourceRules are for making, finding and removing point-in-time copies.
// Removing is always allowed, as copies may be left from a spec that asked for
// another method.
func (l *link) sourceRules() []Rule {
	claimVerbs := []string{"get", "list", "watch", "create", "delete"}
	snapshotVerbs := []string{"get", "list", "watch", "create", "delete"}
	var events []Rule
	switch l.Spec.Source.CopyMethod {
	case spec.CopyDirect:
		claimVerbs, snapshotVerbs = []string{"get", "list", "delete"}, []string{"list", "delete"}
	case spec.CopyClone:
		snapshotVerbs = []string{"list", "delete"}
		fallthrough
	default:
		events = []Rule{eventRule()}
	}
	return append([]Rule{
		rule(groupCore, claims, "read the source, make and remove its point-in-time copies", claimVerbs...),
		rule(groupSnapshots, snapshots, "make and remove point-in-time snapshots", snapshotVerbs...),
		rule(groupCore, "pods", "tell copies in use from those that killed runs left", "list"),
	}, events...)
}

// eventRule is for waiting until a claim can be used. Its Events alone tell that it
// waits for a pod, and why it is not provisioned.
func eventRule() Rule {
	return rule(groupCore, "events", "learn why a claim is not bound", "list", "watch")
}

// stateRules are for reading and writing the relationship's state.
func (l *link) stateRules(verbs ...string) []Rule {
	return []Rule{
		rule(groupCore, "configmaps", "begin the relationship's state", "create"),
		rule(groupCore, "configmaps", "record commits, notice pause and promotion", verbs...).
			on(contract.StateName(l.name)),
	}
}

// cutRules are for cutting the replica snapshot.
func (l *link) cutRules() []Rule {
	if l.destination.CopyMethod == spec.CopyDirect {
		return nil
	}
	return []Rule{
		rule(groupSnapshots, snapshots, "cut the replica snapshot, wait until it is cut, and mark it",
			"get", "list", "watch", "create", "patch"),
		rule(groupCore, claims, "learn the replica's driver", "get").
			on(l.destination.PersistentVolumeClaim),
	}
}

// discover is the table of rights to look up classes, which belong to no
// namespace; only for what the spec leaves open.
func (l *link) discover(duty string) []Rule {
	var open bool
	switch duty {
	case dutySource:
		source := l.Spec.Source
		snapshot := source.CopyMethod == spec.CopyAuto || source.CopyMethod == spec.CopySnapshot
		open = snapshot && source.VolumeSnapshotClassName == ""
	case dutyListen, dutyCopy, dutyPull:
		open = l.destination.CopyMethod != spec.CopyDirect && l.destination.VolumeSnapshotClassName == ""
	}
	if !open {
		return nil
	}
	return []Rule{rule(groupSnapshots, snapshotClasses, "find the driver's VolumeSnapshotClass", "list")}
}
