package catalog

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

// What the examples of all blocks are about. The rights that come with a block are
// limited to it, where Kubernetes can limit them by name.
const (
	sampleReplication  = "demo"
	sampleRelationship = "demo-backup"
	samplePublisher    = "demo-main"
	sampleSource       = "demo-data"
	sampleReplica      = "demo-replica"
	sampleConfig       = "demo-store"
	sampleRemote       = "demo:"
)

// found is a step of a compiled replication with its account.
type found struct {
	step    plan.Step
	role    string
	account plan.Account
}

// compiled returns the steps that blocks are made of, by the names of the blocks:
// those of a replication through an object store, of one within a site, and of one to
// another site. A step that several have is that of the last.
func compiled() (map[string]found, error) {
	steps := map[string]found{}
	for _, r := range []spec.Replication{throughStore(), overSSH("backup"), overSSH("main")} {
		spec.Default(&r)
		p, err := plan.Build(&r)
		if err != nil {
			return nil, fmt.Errorf("compile the sample with source site %s: %w", r.Spec.Source.Site, err)
		}
		for _, site := range p.Sites {
			for _, relationship := range site.Relationships {
				collect(steps, relationship)
			}
		}
	}
	return steps, nil
}

func collect(steps map[string]found, r plan.Relationship) {
	accounts := map[string]plan.Account{}
	for _, a := range r.Accounts {
		accounts[a.Name] = a
	}
	for _, p := range r.Pipelines {
		for _, s := range slices.Concat(p.Steps, p.Finally) {
			steps[blockOf(s.Command)] = found{step: s, role: p.Role, account: accounts[s.Account]}
		}
	}
}

// blockOf is the name of the block that runs a command.
func blockOf(c contract.Command) string {
	return strings.TrimSuffix(c.Program()+"-"+c.Verb(), "-")
}

// overSSH is a replication with rsync, which needs no SSH when the source is at the
// destination's site.
func overSSH(source string) spec.Replication {
	r := replication(source)
	r.Spec.Rsync = &spec.Rsync{}
	return r
}

// throughStore is a replication through an object store.
func throughStore() spec.Replication {
	r := replication("main")
	r.Spec.Rclone = &spec.Rclone{
		ConfigSecret: sampleConfig, Remote: sampleRemote, CustomCA: &spec.CustomCA{Secret: noCA},
	}
	return r
}

// replication is one from a site to the site backup, of which steps use all that
// they can: every method, filters, replica snapshots. It has no mover yet.
func replication(source string) spec.Replication {
	return spec.Replication{
		APIVersion: spec.APIVersion, Kind: spec.Kind,
		Metadata: spec.Metadata{Name: sampleReplication},
		Spec: spec.Spec{
			Sites: map[string]spec.Site{
				source: {Namespace: sampleReplication}, "backup": {Namespace: sampleReplication},
			},
			Source: spec.Source{Site: source, PersistentVolumeClaim: sampleSource},
			Destinations: []spec.Destination{{
				Site: "backup", PersistentVolumeClaim: sampleReplica, Capacity: "1Gi",
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			}},
			Filters: spec.Filters{Exclude: []string{"*.tmp"}},
		},
	}
}
