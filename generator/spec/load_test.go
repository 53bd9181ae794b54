package spec_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/spec"
)

// tree writes files below a new directory, makes it the working directory, and
// so gives tests short paths.
func tree(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	}
}

func TestLoad(t *testing.T) {
	named := func(name string) string { return edited(t, "name: wikidata", "name: "+name) }
	const object = "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n"
	files := map[string]string{
		"all/b.yaml":           named("b"),
		"all/a.yml":            named("a") + "---\n" + object,
		"all/deep/c.yaml":      named("c"),
		"all/deep/d.txt":       "not read",
		"all/.git/e.yaml":      "not: read",
		"all/.hidden.yaml":     "not: read",
		"objects/secret.yaml":  object,
		"objects/list.yaml":    "- a\n- b\n",
		"empty/x.txt":          "",
		"broken/a.yaml":        "a: [\n",
		"misspelt/a.yaml":      strings.Replace(named("a"), "scribe.backube", "scribe.backup", 1),
		"foreign/a.yaml":       strings.Replace(named("a"), "scribe.backube", "example.com", 1),
		"wrong/a.yaml":         strings.Replace(named("a"), "rsync", "rsnc", 1),
		"same/a.yaml":          named("a"),
		"twice/a.yaml":         named("a"),
		"relationship/a.yaml":  edited(t, "name: wikidata", "name: a", "secondary: {", "x-secondary: {", "site: secondary", "site: x-secondary"),
		"relationship/ax.yaml": named("a-x"),
	}
	for _, test := range []struct {
		name  string
		paths []string
		want  []string
		err   []string
	}{
		{"file", []string{"all/b.yaml"}, []string{"all/b.yaml b"}, nil},
		{"stdin", []string{"-"}, []string{"- stdin"}, nil},
		{"directory", []string{"all"}, []string{"all/a.yml a", "all/b.yaml b", "all/deep/c.yaml c"}, nil},
		{"file of a directory", []string{"all/b.yaml", "all", "all/deep", "./all/b.yaml"}, []string{"all/b.yaml b", "all/a.yml a", "all/deep/c.yaml c"}, nil},
		{"hidden file that is named", []string{"all/.hidden.yaml"}, nil,
			[]string{"all/.hidden.yaml: apiVersion: Required value: write scribe.backube/v1alpha1", "all/.hidden.yaml: kind: Required value: write Replication"}},
		{"only other objects", []string{"objects"}, nil, []string{"objects: no Replication in any *.yaml or *.yml of the directory"}},
		{"no files", []string{"empty"}, nil, []string{"empty: no Replication in any *.yaml or *.yml of the directory"}},
		{"other objects in a file", []string{"objects/secret.yaml"}, nil,
			[]string{`objects/secret.yaml: apiVersion: must be scribe.backube/v1alpha1, is "v1"`, `objects/secret.yaml: kind: must be Replication, is "Secret"`}},
		{"not YAML", []string{"broken"}, nil, []string{"broken/a.yaml: not YAML: line 1: did not find expected node content"}},
		{"misspelt group", []string{"misspelt"}, nil, []string{`misspelt/a.yaml: apiVersion: must be scribe.backube/v1alpha1, is "scribe.backup/v1alpha1"`}},
		{"kind of another group", []string{"foreign"}, nil, []string{"foreign: no Replication in any *.yaml or *.yml of the directory"}},
		{"absent and wrong", []string{"nowhere.yaml", "wrong"}, nil, []string{
			"nowhere.yaml: cannot be read: no such file or directory",
			"wrong/a.yaml: spec: Required value: exactly one of rsync and rclone must be given; rsync with its defaults is rsync: {}",
			`wrong/a.yaml: spec.rsnc: unknown field; did you mean "rsync"?`,
		}},
		{"same name", []string{"all/deep", "same", "twice"}, []string{"all/deep/c.yaml c", "same/a.yaml a", "twice/a.yaml a"},
			[]string{`twice/a.yaml: metadata.name: Invalid value: "a": the name is also that of replication a in same/a.yaml`}},
		{"same relationship", []string{"relationship"}, []string{"relationship/a.yaml a", "relationship/ax.yaml a-x"},
			[]string{`relationship/ax.yaml: spec.destinations[0].site: Invalid value: "secondary": the relationship's name a-x-secondary is also that of replication a in relationship/a.yaml`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			stdin := named("stdin")
			tree(t, files)
			documents, problems := spec.Load(test.paths, strings.NewReader(stdin))
			var got, lines []string
			for _, d := range documents {
				got = append(got, d.File+" "+d.Replication.Metadata.Name)
			}
			for _, p := range problems {
				lines = append(lines, p.String())
			}
			assert.Equal(t, test.want, got)
			assert.Equal(t, test.err, lines)
		})
	}
}

// TestLoadMounted reads a directory as a mounted ConfigMap looks: symbolic links
// to files in a hidden directory that is itself a link.
func TestLoadMounted(t *testing.T) {
	text := minimal(t)
	tree(t, map[string]string{"mount/..2026/a.yaml": text})
	require.NoError(t, os.Symlink("..2026", "mount/..data"))
	require.NoError(t, os.Symlink("..data/a.yaml", "mount/a.yaml"))
	require.NoError(t, os.Symlink("mount", "link"))
	for _, path := range []string{"mount", "link"} {
		documents, problems := spec.Load([]string{path}, nil)
		require.NoError(t, problems.Err())
		require.Len(t, documents, 1)
		assert.Equal(t, filepath.Join(path, "a.yaml"), documents[0].File)
	}
}
