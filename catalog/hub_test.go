package catalog

import (
	"fmt"
	"net/url"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"sigs.k8s.io/yaml"
)

// hubCategories are those of Artifact Hub, tektonCategories those of Tekton Hub.
var (
	hubCategories = []string{"ai-machine-learning", "database", "integration-delivery", "monitoring-logging",
		"networking", "security", "storage", "streaming-messaging", "skip-prediction"}
	tektonCategories = []string{"Automation", "Build Tools", "CLI", "Cloud", "Code Quality", "Continuous Integration",
		"Deployment", "Developer Tools", "Git", "Image Build", "Integration & Delivery", "Kubernetes", "Messaging",
		"Monitoring", "Networking", "Openshift", "Publishing", "Security", "Storage", "Testing"}
)

var (
	semver      = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$`)
	packageName = regexp.MustCompile(`^[a-zA-Z0-9-]+$`)
	imageName   = regexp.MustCompile(`^[a-z0-9.-]+(/[a-z0-9._-]+)+:[\w.-]+$`)
	minVersion  = regexp.MustCompile(`^\d+\.\d+\.\d+$`)
)

// The metadata of Argo's packages is what Artifact Hub demands and recommends.
func TestHubPackages(t *testing.T) {
	packages(t, func(t *testing.T, e edition, b *Block, files map[string][]byte) {
		if !e.argo() {
			return
		}
		var p hubPackage
		require.NoError(t, yaml.UnmarshalStrict(files["artifacthub-pkg.yml"], &p))
		assert.Regexp(t, semver, p.Version)
		assert.Equal(t, path.Base(e.folder(b)), p.Version, "the folder is the version")
		assert.Equal(t, path.Base(path.Dir(e.folder(b))), p.Name, "the folder above is the name")
		assert.Regexp(t, packageName, p.Name)
		_, err := time.Parse(time.RFC3339, p.CreatedAt)
		assert.NoError(t, err)
		for field, value := range map[string]string{
			"displayName": p.DisplayName, "description": p.Description, "license": p.License, "install": p.Install,
		} {
			assert.NotEmpty(t, value, field)
		}
		assert.Contains(t, hubCategories, p.Category)
		assert.NotEmpty(t, p.Keywords)
		for _, image := range p.ContainersImages {
			assert.Regexp(t, imageName, image.Image)
		}
		require.NotEmpty(t, p.ContainersImages)
		checkLinks(t, p.Links)
		checkChanges(t, p.Changes)
		assert.Regexp(t, `^>= \d+\.\d+\.\d+$`, p.Annotations["argo/version"])
		assert.Contains(t, files, "manifests.yaml")
		assert.Contains(t, files, "README.md")
	})
}

// Tasks have the labels and annotations of the Tekton catalog and of Artifact Hub,
// which takes a package's metadata from there.
func TestHubTasks(t *testing.T) {
	packages(t, func(t *testing.T, e edition, b *Block, files map[string][]byte) {
		if e.argo() {
			return
		}
		folder := e.folder(b)
		name := path.Base(path.Dir(folder))
		task := decode(t, name, files[name+".yaml"])[0].(*tektonv1.Task)
		assert.Equal(t, name, task.Name)
		assert.Equal(t, path.Base(folder), task.Labels["app.kubernetes.io/version"])
		assert.Regexp(t, semver, task.Labels["app.kubernetes.io/version"])
		summary, rest, _ := strings.Cut(task.Spec.Description, "\n")
		assert.Regexp(t, `^[A-Z].{10,90}\.$`, summary, "the first line is a summary")
		assert.NotEmpty(t, strings.TrimSpace(rest))
		a := task.Annotations
		assert.Regexp(t, minVersion, a["tekton.dev/pipelines.minVersion"])
		for c := range strings.SplitSeq(a["tekton.dev/categories"], ",") {
			assert.Contains(t, tektonCategories, strings.TrimSpace(c))
		}
		for p := range strings.SplitSeq(a["tekton.dev/platforms"], ",") {
			assert.Regexp(t, `^linux/(amd64|arm64)$`, strings.TrimSpace(p))
		}
		assert.NotEmpty(t, a["tekton.dev/tags"])
		assert.NotEmpty(t, a["tekton.dev/displayName"])
		assert.Contains(t, hubCategories, a["artifacthub.io/category"])
		var l []hubLink
		require.NoError(t, yaml.UnmarshalStrict([]byte(a["artifacthub.io/links"]), &l))
		checkLinks(t, l)
		var c []hubChange
		require.NoError(t, yaml.UnmarshalStrict([]byte(a["artifacthub.io/changes"]), &c))
		checkChanges(t, c)
		assert.Contains(t, files, "README.md")
		assert.Contains(t, files, "samples/run.yaml")
		for _, param := range task.Spec.Params {
			assert.NotEmpty(t, param.Description, param.Name)
		}
		for _, result := range task.Spec.Results {
			assert.NotEmpty(t, result.Description, result.Name)
		}
	})
}

func checkChanges(t *testing.T, list []hubChange) {
	t.Helper()
	require.NotEmpty(t, list)
	for _, c := range list {
		assert.Contains(t, []string{"added", "changed", "deprecated", "removed", "fixed", "security"}, c.Kind)
		assert.NotEmpty(t, c.Description)
	}
}

func checkLinks(t *testing.T, list []hubLink) {
	t.Helper()
	require.NotEmpty(t, list)
	for _, l := range list {
		assert.NotEmpty(t, l.Name)
		u, err := url.Parse(l.URL)
		assert.NoError(t, err)
		assert.Equal(t, "https", u.Scheme)
	}
}

// Artifact Hub's own checker accepts both repositories. It is a tool of a module of its
// own, as it brings the whole server with it; to build it takes minutes, once.
func TestArtifactHubAccepts(t *testing.T) {
	if testing.Short() {
		t.Skip("builds Artifact Hub's command line tool")
	}
	for kind, root := range map[string]string{"argo-template": "argo", "tekton-task": "tekton/task"} {
		cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=artifacthub/go.mod", "ah", "lint", "--kind="+kind, "--path="+root)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), fmt.Sprintf("%d package(s) found, 0 package(s) with errors", len(entries)))
	}
}

// Both repositories have their metadata in the root.
func TestHubRepositories(t *testing.T) {
	files, err := Files()
	require.NoError(t, err)
	for _, e := range editions {
		content, ok := files[path.Join(e.Root, "artifacthub-repo.yml")]
		require.True(t, ok, e.Root)
		var repository struct {
			RepositoryID string                         `json:"repositoryID"`
			Owners       []struct{ Name, Email string } `json:"owners"`
		}
		require.NoError(t, yaml.UnmarshalStrict(content, &repository))
		assert.Empty(t, repository.RepositoryID, "is for whoever publishes it")
	}
}
