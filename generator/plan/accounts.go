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
)

// API groups and resources that steps use.
const (
	groupCore      = ""
	groupSnapshots = "snapshot.storage.k8s.io"
	groupStorage   = "storage.k8s.io"

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
	own := l.Spec.Mover.ServiceAccountName
	if own != "" && slices.Contains([]string{dutyPush, dutyListen, dutyCopy}, duty) {
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
	case dutyListen, dutyCopy:
		return slices.Concat(l.stateRules(), l.cutRules())
	case dutyPrune:
		return []Rule{
			rule(groupSnapshots, snapshots, "wait for the latest replica snapshot, remove old ones",
				"get", "list", "watch", "delete"),
			rule(groupCore, "configmaps", "learn which snapshots are in use", "get").
				on(contract.StateName(l.name)),
		}
	case dutyPromote:
		return append(l.stateRules(),
			rule(groupSnapshots, snapshots, "choose the replica snapshot, wait until it is ready to use",
				"get", "list", "watch"),
			rule(groupCore, claims, "make the application's claim, wait until it is usable",
				"get", "list", "watch", "create"),
		)
	}
	return nil // push only reads what is mounted
}

// sourceRules are for making, finding and removing point-in-time copies.
// Removing is always allowed, as copies may be left from a spec that asked for
// another method.
func (l *link) sourceRules() []Rule {
	claimVerbs := []string{"get", "list", "watch", "create", "delete"}
	snapshotVerbs := []string{"get", "list", "watch", "create", "delete", "patch"}
	switch l.Spec.Source.CopyMethod {
	case spec.CopyDirect:
		claimVerbs = []string{"get", "list", "watch", "delete"}
		snapshotVerbs = []string{"get", "list", "watch", "delete"}
	case spec.CopyClone:
		snapshotVerbs = []string{"get", "list", "watch", "delete"}
	}
	return []Rule{
		rule(groupCore, claims, "read the source, make and remove its point-in-time copies", claimVerbs...),
		rule(groupSnapshots, snapshots, "make and remove point-in-time snapshots", snapshotVerbs...),
		rule(groupCore, "pods", "tell copies in use from those that killed runs left", "get", "list"),
	}
}

// stateRules are for reading and writing the relationship's state.
func (l *link) stateRules() []Rule {
	return []Rule{
		rule(groupCore, "configmaps", "begin the relationship's state", "create"),
		rule(groupCore, "configmaps", "record commits, notice pause and promotion",
			"get", "list", "watch", "update").on(contract.StateName(l.name)),
	}
}

// cutRules are for cutting the replica snapshot.
func (l *link) cutRules() []Rule {
	if l.destination.CopyMethod == spec.CopyDirect {
		return nil
	}
	return []Rule{
		rule(groupSnapshots, snapshots, "cut the replica snapshot and wait until it is cut",
			"get", "list", "watch", "create"),
		rule(groupCore, claims, "learn the replica's StorageClass", "get").
			on(l.destination.PersistentVolumeClaim),
	}
}

// discover is the table of rights to look up classes, which belong to no
// namespace; only for what the spec leaves open.
func (l *link) discover(duty string) []Rule {
	source, classes := l.Spec.Source, rule(groupSnapshots, snapshotClasses,
		"find the driver's VolumeSnapshotClass", "get", "list")
	var rules []Rule
	switch duty {
	case dutySource:
		if source.CopyMethod == spec.CopyAuto && source.StorageClassName == "" {
			rules = append(rules,
				rule(groupStorage, "storageclasses", "find the source's driver", "get", "list"),
				rule(groupStorage, "csidrivers", "find out what the driver is", "get"))
		}
		snapshot := source.CopyMethod == spec.CopyAuto || source.CopyMethod == spec.CopySnapshot
		if snapshot && source.VolumeSnapshotClassName == "" {
			rules = append(rules, classes)
		}
	case dutyListen, dutyCopy:
		if l.destination.CopyMethod != spec.CopyDirect && l.destination.VolumeSnapshotClassName == "" {
			rules = append(rules,
				rule(groupStorage, "storageclasses", "find the replica's driver", "get"), classes)
		}
	}
	return rules
}
