package catalog

import (
	"bytes"
	"path"

	"github.com/backube/scribe-gen/generator/manifest"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/templates/argo"
	"github.com/backube/scribe-gen/templates/tekton"
)

// edition is the catalog for one engine.
type edition struct {
	// Engine is its name for people, Root the folder of its packages.
	Engine, Root string
	// manifest, access and discovery are files of a package: the block itself, its
	// account and rights, and the ClusterRole for looking up classes.
	// An empty manifest stands for the package's name.
	manifest, access, discovery string
	// kind is that of a run of one block.
	kind string
	// rights are those of an account under the engine.
	rights func(plan.Account) []plan.Rule
	// objects are the files of a block by their names.
	objects func(edition, *Block) (map[string][]manifest.Object, error)
}

// editions are all of the catalog.
var editions = []edition{
	{
		Engine: "Argo Workflows", Root: "argo", kind: "Workflow",
		manifest: "manifests.yaml", access: "rbac.yaml", discovery: "discovery.yaml",
		rights: argo.Rights, objects: edition.argoObjects,
	},
	{
		Engine: "Tekton Pipelines", Root: "tekton/task", kind: "TaskRun",
		access: "samples/rbac.yaml", discovery: "samples/discovery.yaml",
		rights: tekton.Rights, objects: edition.tektonObjects,
	},
}

// argo tells the edition for Argo from that for Tekton.
func (e edition) argo() bool { return e.kind == "Workflow" }

// folder is that of a block's package, below the catalog's.
func (e edition) folder(b *Block) string { return path.Join(e.Root, b.Package(), Version) }

// manifestOf is the file of a block in its package.
func (e edition) manifestOf(b *Block) string {
	if e.manifest != "" {
		return e.manifest
	}
	return b.Package() + ".yaml"
}

// clusterManifest is the ClusterWorkflowTemplate, which Artifact Hub does not look at.
const clusterManifest = "cluster/manifests.yaml"

func (e edition) argoObjects(b *Block) (map[string][]manifest.Object, error) {
	template, err := b.WorkflowTemplate()
	if err != nil {
		return nil, err
	}
	cluster, err := b.ClusterWorkflowTemplate()
	return map[string][]manifest.Object{e.manifestOf(b): {template}, clusterManifest: {cluster}}, err
}

func (e edition) tektonObjects(b *Block) (map[string][]manifest.Object, error) {
	task, err := b.Task()
	return map[string][]manifest.Object{e.manifestOf(b): {task}}, err
}

// all are the block's objects with its rights.
func (e edition) all(b *Block) (map[string][]manifest.Object, error) {
	files, err := e.objects(e, b)
	if err != nil {
		return nil, err
	}
	files[e.access] = b.access(e.rights(b.Account))
	if len(b.Account.Discover) > 0 {
		files[e.discovery] = []manifest.Object{b.discovery()}
	}
	return files, nil
}

// stream prints objects as one YAML stream.
func stream(objects []manifest.Object) ([]byte, error) {
	var out bytes.Buffer
	for i, o := range objects {
		text, err := manifest.Print(o)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}
