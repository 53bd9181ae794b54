package spec_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/spec"
)

var update = flag.Bool("update", false, "write the golden files")

// minimal is the smallest valid spec.
func minimal(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/minimal.yaml")
	require.NoError(t, err)
	return string(data)
}

// edited is the smallest valid spec with text replaced: pairs of old and new.
func edited(t testing.TB, pairs ...string) string {
	t.Helper()
	text := minimal(t)
	for i := 0; i < len(pairs); i += 2 {
		require.Contains(t, text, pairs[i])
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func problemLines(problems spec.Problems) []string {
	lines := []string{}
	for _, p := range problems {
		lines = append(lines, strings.TrimPrefix(p.String(), p.File+": "))
	}
	return lines
}

// TestGolden parses every spec in testdata/invalid and compares the problems with
// the file beside it, line by line and in order.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			_, problems := spec.Parse(filepath.Base(file), data)
			require.NotEmpty(t, problems)
			got := problems.Error() + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
	golden, err := filepath.Glob("testdata/invalid/*.txt")
	require.NoError(t, err)
	assert.Len(t, golden, len(files), "a golden file without its spec")
}

func TestParseValid(t *testing.T) {
	for _, file := range []string{"minimal.yaml", "full.yaml", "rclone.yaml"} {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", file))
			require.NoError(t, err)
			replications, problems := spec.Parse(file, data)
			require.NoError(t, problems.Err())
			require.Len(t, replications, 1)
			assert.Equal(t, "wikidata", replications[0].Metadata.Name)
		})
	}
}

func TestParseDocuments(t *testing.T) {
	second := edited(t, "name: wikidata", "name: other")
	for name, test := range map[string]struct {
		text  string
		names []string
		want  []string
	}{
		"two":            {minimal(t) + "---\n" + second, []string{"wikidata", "other"}, []string{}},
		"empty ones":     {"---\n---\n# nothing\n---\n" + minimal(t) + "---\n...\n", []string{"wikidata"}, []string{}},
		"empty file":     {"", nil, []string{"no document: expected a Replication"}},
		"only a comment": {"# nothing\n", nil, []string{"no document: expected a Replication"}},
		"one is wrong": {
			minimal(t) + "---\n" + strings.Replace(second, "rsync: {}", "rsyn: {}", 1), []string{"wikidata"},
			[]string{
				"spec: Required value: exactly one of rsync and rclone must be given; rsync with its defaults is rsync: {}",
				`spec.rsyn: unknown field; did you mean "rsync"?`,
			},
		},
		"not YAML": {minimal(t) + "---\na: b: c\n", []string{"wikidata"}, []string{"not YAML: line 14: mapping values are not allowed in this context"}},
		"a list":   {"- a\n", nil, []string{"a document must be a Replication, is a list"}},
		"a word":   {"hello", nil, []string{`a document must be a Replication, is "hello"`}},
		"later version": {
			edited(t, "v1alpha1", "v1"), nil,
			[]string{`apiVersion: version "scribe.backube/v1" is not known; this scribe-gen reads scribe.backube/v1alpha1`},
		},
		"other kind": {
			"apiVersion: v1\nkind: Secret\n", nil,
			[]string{`apiVersion: must be scribe.backube/v1alpha1, is "v1"`, `kind: must be Replication, is "Secret"`},
		},
		"no header": {
			"spec: {}\n", nil,
			[]string{"apiVersion: Required value: write scribe.backube/v1alpha1", "kind: Required value: write Replication"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			replications, problems := spec.Parse("spec.yaml", []byte(test.text))
			assert.Equal(t, test.want, problemLines(problems))
			var names []string
			for _, r := range replications {
				names = append(names, r.Metadata.Name)
			}
			assert.Equal(t, test.names, names)
		})
	}
}

func TestDecode(t *testing.T) {
	for name, test := range map[string]struct {
		edits []string
		want  []string
	}{
		"alias": {[]string{"{namespace: wiki}", "&w {namespace: wiki}", "{namespace: wiki-dr}", "*w"}, []string{}},
		"null is absent": {
			[]string{"rsync: {}", "rsync: {}\n  schedule: null\n  mover: ~"}, []string{},
		},
		"merge key": {
			[]string{"{namespace: wiki}", "{<<: {namespace: wiki}}"},
			[]string{"spec.sites[primary]: merge keys (<<) are not supported; write the fields out"},
		},
		"key that is no string": {
			[]string{"name: wikidata", "name: wikidata\n  labels: {1: a, true: b}"},
			[]string{"metadata.labels: the key in line 5 must be a string, is the number 1",
				"metadata.labels: the key in line 5 must be a string, is the boolean true"},
		},
		"text instead of a list": {
			[]string{"rsync: {}", "rsync: {}\n  filters: {exclude: cache/}"},
			[]string{`spec.filters.exclude: must be a list, is "cache/"`},
		},
		"word for a boolean": {
			[]string{"rsync: {}", "rsync: {}\n  guard: {allowEmptySource: yes}"},
			[]string{`spec.guard.allowEmptySource: must be true or false, is "yes"`},
		},
		"huge number": {
			[]string{"rsync: {}", "rsync: {streams: 99999999999999999999}"},
			[]string{"spec.rsync.streams: must be a whole number, is the number 99999999999999999999"},
		},
		"fraction": {
			[]string{"rsync: {}", "rsync: {streams: 1.5}"},
			[]string{"spec.rsync.streams: must be a whole number, is the number 1.5"},
		},
		"number beyond its type": {
			[]string{"rsync: {}", "rsync: {}\n  mover: {affinity: {podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 9999999999}]}}}"},
			[]string{"spec.mover.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: 9999999999 is too large or too small a number"},
		},
		"quantity": {
			[]string{"rsync: {}", "rsync: {}\n  mover: {resources: {limits: {cpu: 2, memory: lots}}}"},
			[]string{`spec.mover.resources.limits[memory]: must be a quantity such as 500m or 2Gi, is "lots"`},
		},
		"unlike any field": {
			[]string{"rsync: {}", "rsync: {volume: x}"},
			[]string{"spec.rsync.volume: unknown field; known are bandwidthLimit, compress, service, streams"},
		},
		"control characters stay on one line": {
			[]string{"rsync: {}", `rsync: {"a\nb\e": x}`},
			[]string{`spec.rsync.a\nb\x1b: unknown field; known are bandwidthLimit, compress, service, streams`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := spec.Parse("spec.yaml", []byte(edited(t, test.edits...)))
			assert.Equal(t, test.want, problemLines(problems))
		})
	}
}

func TestAliasBomb(t *testing.T) {
	const header = "apiVersion: scribe.backube/v1alpha1\nkind: Replication\nmetadata: {name: a}\n"
	var b strings.Builder
	b.WriteString(header + "spec:\n  mover:\n    affinity:\n      nodeAffinity:\n        requiredDuringSchedulingIgnoredDuringExecution:\n          nodeSelectorTerms:\n")
	b.WriteString("          - &t {matchExpressions: [&e {key: a, operator: In, values: &v [" + strings.Repeat("a,", 300) + "]}" + strings.Repeat(",*e", 300) + "]}\n")
	b.WriteString(strings.Repeat("          - *t\n", 300))
	_, problems := spec.Parse("spec.yaml", []byte(b.String()))
	assert.Contains(t, problems.Error(), "more than 100000 values with its aliases expanded")
	assert.Less(t, len(problems), 20)
}

func TestWithEngine(t *testing.T) {
	_, problems := spec.Parse("spec.yaml", []byte(minimal(t)), spec.WithEngine(spec.EngineLocal))
	assert.Equal(t, []string{
		"spec.sites[primary].directory: Required value: a local site keeps its volumes below a directory",
		"spec.sites[secondary].directory: Required value: a local site keeps its volumes below a directory",
	}, problemLines(problems))
	replications, problems := spec.Parse("spec.yaml", []byte(minimal(t)), spec.WithEngine(spec.EngineTekton))
	require.NoError(t, problems.Err())
	for _, name := range replications[0].SiteNames() {
		assert.Equal(t, spec.EngineTekton, replications[0].Spec.Sites[name].Engine)
	}
}
