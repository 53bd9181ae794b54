package catalog

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
)

// What the examples of all blocks are about. The rights that come with a block are
// limited to it, where Kubernetes can limit them by name.
const (
	sampleReplication  = "demo"
	sampleRelationship = "demo-backup"
	sampleSource       = "demo-data"
	sampleReplica      = "demo-replica"
)

// found is a step of a compiled replication with its account.
type found struct {
	step    plan.Step
	role    string
	account plan.Account
}

// compiled returns the steps that blocks are made of, by name: those of a replication
// to another site, and the copy of one within a site.
func compiled() (map[string]found, error) {
	steps := map[string]found{}
	for _, source := range []string{"backup", "main"} {
		r := replication(source)
		p, err := plan.Build(&r)
		if err != nil {
			return nil, fmt.Errorf("compile the sample with source site %s: %w", source, err)
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
		for _, list := range [][]plan.Step{p.Steps, p.Finally} {
			for _, s := range list {
				steps[s.Name] = found{step: s, role: p.Role, account: accounts[s.Account]}
			}
		}
	}
}

// replication is one from a site to the site backup, of which steps use all that
// they can: every method, filters, replica snapshots.
func replication(source string) spec.Replication {
	r := spec.Replication{
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
			Rsync:   &spec.Rsync{},
			Filters: spec.Filters{Exclude: []string{"*.tmp"}},
		},
	}
	spec.Default(&r)
	return r
}
