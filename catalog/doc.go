// Package catalog makes the steps into blocks for workflows and pipelines of
// others: each is a WorkflowTemplate and a ClusterWorkflowTemplate of Argo and a Task
// of Tekton, with rights, samples and documentation, in the layouts that Artifact
// Hub and the Tekton catalog prescribe. A block is a step of a compiled replication
// of which everything that the spec decides is a parameter, and is built by the
// engines' own builders, so that blocks and bundles cannot drift apart.
//
// The folders argo and tekton beside the code are its output.
package catalog

import "github.com/backube/scribe-gen/generator/plan"

//go:generate go test . -run TestCatalogIsCurrent -update

// Version is that of all blocks, and of the image that they run.
const Version = plan.Version

// prefix begins the name of every package.
const prefix = "scribe-"

// Created is when this version of the blocks was made, RFC 3339: Artifact Hub orders
// versions by it.
const Created = "2026-11-20T00:00:00Z"

// What every package says of the project.
const (
	home     = "https://github.com/backube/scribe-gen"
	licence  = "Apache-2.0"
	provider = "Backube"
	category = "storage"
)

// The engines' versions from which on the blocks work.
const (
	argoVersion   = ">= 3.6.0"
	tektonVersion = "1.0.0"
)

// platforms are those of the image.
const platforms = "linux/amd64,linux/arm64"
