package catalog

import (
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator/plan"
)

// hubPackage is artifacthub-pkg.yml: what Artifact Hub shows of a template of Argo.
// Of a Task it takes the same from the Task itself.
type hubPackage struct {
	Version          string            `json:"version"`
	Name             string            `json:"name"`
	Category         string            `json:"category"`
	DisplayName      string            `json:"displayName"`
	CreatedAt        string            `json:"createdAt"`
	Description      string            `json:"description"`
	License          string            `json:"license"`
	HomeURL          string            `json:"homeURL"`
	ContainersImages []hubImage        `json:"containersImages"`
	Keywords         []string          `json:"keywords"`
	Links            []hubLink         `json:"links"`
	Changes          []hubChange       `json:"changes"`
	Install          string            `json:"install"`
	Provider         hubProvider       `json:"provider"`
	Annotations      map[string]string `json:"annotations"`
}

type hubImage struct {
	Name  string `json:"name"`
	Image string `json:"image"`
}

type hubLink struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// hubChange is what is new in this version.
type hubChange struct {
	Kind        string `json:"kind"`
	Description string `json:"description"`
}

// links are the same for all blocks.
var links = []hubLink{{Name: "source", URL: home}}

// changes are those of this version, the same for all blocks.
var changes = []hubChange{{Kind: "added", Description: "First version"}}

type hubProvider struct {
	Name string `json:"name"`
}

// hubPackage returns artifacthub-pkg.yml; install is how to install the block, in
// Markdown.
func (b *Block) hubPackage(install string) ([]byte, error) {
	return yaml.Marshal(hubPackage{
		Version: Version, Name: b.Package(), Category: category, DisplayName: b.Title,
		CreatedAt: Created, Description: b.Summary, License: licence, HomeURL: home,
		ContainersImages: []hubImage{{Name: "steps", Image: plan.Image}},
		Keywords:         append([]string{"argo-workflows", category}, b.Keywords...),
		Links:            links,
		Changes:          changes,
		Install:          "```sh\n" + install + "\n```\n",
		Provider:         hubProvider{Name: provider},
		Annotations:      map[string]string{"argo/version": argoVersion},
	})
}

// hubRepository is artifacthub-repo.yml, of which each repository has one in its
// root. Who publishes a repository and under which ID is theirs to fill in.
const hubRepository = `# Artifact Hub reads here who owns the repository. After registering it, put the ID that
# Artifact Hub shows into repositoryID, and the people who may claim it into owners:
#
# repositoryID: 00000000-0000-0000-0000-000000000000
# owners:
# - {name: …, email: …}
owners: []
`
