// Package docs checks the documentation: specs parse, links lead somewhere,
// command lines exist, marked scripts run, and tables that say what the code says
// are made from it.
package docs

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/docs/markdown"
	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
)

//go:generate go test . -run TestTablesAreCurrent -update

var update = flag.Bool("update", false, "rewrite the generated tables in the guides")

// pages returns the Markdown files of this folder.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.md")
	require.NoError(t, err)
	found := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		found[file] = string(text)
	}
	require.NotEmpty(t, found)
	return found
}

// fence is a block of code: the comments before it, its language, its content.
var fence = regexp.MustCompile("(?ms)((?:^<!-- [^\n]* -->\n)*)^```([a-z]*)\n(.*?)^```$")

// Every Replication in a document is valid.
func TestSpecsAreValid(t *testing.T) {
	count := 0
	for page, text := range pages(t) {
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			for _, document := range replications(m[2], m[3]) {
				count++
				_, problems := spec.Parse(page, []byte(document))
				assert.Empty(t, problems, document)
			}
		}
	}
	assert.Positive(t, count)
}

var hereDocument = regexp.MustCompile(`(?ms)<<EOF\n(.*?)^EOF$`)

// replications are those of a block: the block itself, or what a script writes.
func replications(language, content string) (found []string) {
	candidates := []string{content}
	if language != "yaml" {
		candidates = nil
		for _, m := range hereDocument.FindAllStringSubmatch(content, -1) {
			candidates = append(candidates, m[1])
		}
	}
	return slices.DeleteFunc(candidates, func(c string) bool { return !strings.Contains(c, "kind: "+spec.Kind) })
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Every link leads to a file, and to a heading where it names one.
func TestLinksLeadSomewhere(t *testing.T) {
	all := pages(t)
	for page, text := range all {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			if file == "" {
				file = page
			}
			_, err := os.Stat(file)
			assert.NoError(t, err, "%s: %s", page, m[1])
			if anchor != "" {
				assert.Contains(t, anchors(all[file]), anchor, "%s: %s", page, m[1])
			}
		}
	}
}

var heading = regexp.MustCompile(`(?m)^#+ (.*)$`)

// anchors are the names of a page's headings, as GitHub makes them.
func anchors(text string) (names []string) {
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1]))
	}
	return names
}

func TestIndexIsComplete(t *testing.T) {
	all := pages(t)
	for page := range all {
		if page != "README.md" {
			assert.Contains(t, all["README.md"], "]("+page+")")
		}
	}
}

var (
	command = regexp.MustCompile(`scribe-gen ([a-z]+)((?:[^\n|&;` + "`" + `]|\\\n)*)`)
	option  = regexp.MustCompile(`(?:^|\s)(--[a-z][-a-z]*|-[a-z])(?:[ =]|$)`)
)

// Every scribe-gen command line in the guides uses commands and flags that there
// are.
func TestCommandLinesExist(t *testing.T) {
	all := pages(t)
	reference := all["cli.md"]
	for page, text := range all {
		for _, m := range command.FindAllStringSubmatch(codeOf(text), -1) {
			_, section, ok := strings.Cut(reference, "\n## "+m[1]+"\n")
			if !assert.True(t, ok, "%s: no command %q", page, m[0]) {
				continue
			}
			section, _, _ = strings.Cut(section, "\n## ")
			for _, o := range option.FindAllStringSubmatch(m[2], -1) {
				assert.Regexp(t, regexp.QuoteMeta(o[1])+"[ ,`]", section, "%s: %s", page, m[0])
			}
		}
	}
}

var inline = regexp.MustCompile("`[^`\n]+`")

// codeOf is what a page shows as code.
func codeOf(text string) string {
	var code strings.Builder
	for _, m := range fence.FindAllStringSubmatch(text, -1) {
		if m[2] == "sh" {
			code.WriteString(m[3] + "\n")
		}
	}
	for _, m := range inline.FindAllString(fence.ReplaceAllString(text, ""), -1) {
		code.WriteString(m + "\n")
	}
	return code.String()
}

// quoted are fields and flags with values, as the guide to Argo quotes them.
var quoted = regexp.MustCompile("`(--[a-z-]+=[0-9a-z]+|[a-zA-Z]+(?:Seconds)?: [0-9][0-9a-z]*)`")

// What the guide to Argo quotes of a bundle is in the one of its spec.
func TestQuotesOfTheBundle(t *testing.T) {
	text := pages(t)["argo.md"]
	bundles := ""
	for _, site := range []string{"primary", "secondary"} {
		b, err := os.ReadFile("../examples/dr/" + site + "/wikidata.yaml")
		require.NoError(t, err)
		bundles += string(b)
	}
	_, limits, ok := strings.Cut(text, "## Time limits")
	require.True(t, ok)
	found := quoted.FindAllStringSubmatch(limits, -1)
	require.NotEmpty(t, found)
	for _, m := range found {
		if m[1] != "timeout: 6h" { // the spec's
			assert.Contains(t, bundles, m[1])
		}
	}
	expression := regexp.MustCompile("`(lastRetry[^`]*)`").FindStringSubmatch(text)
	require.NotNil(t, expression)
	joined := strings.Join(strings.Fields(bundles), " ")
	assert.Contains(t, joined, strings.ReplaceAll(expression[1], `\|`, "|"))
}

// TestTablesAreCurrent compares the tables between markers with the code.
func TestTablesAreCurrent(t *testing.T) {
	const page, begin, end = "security.md", "<!-- generated: accounts -->\n", "<!-- end -->"
	text := pages(t)[page]
	before, rest, ok := strings.Cut(text, begin)
	require.True(t, ok)
	got, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	want := accounts(t)
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(before+begin+want+end+after), 0o644))
		return
	}
	assert.Equal(t, want, got, "write it with: go generate ./docs")
}

// accounts is the table of the rights in examples/dr.
func accounts(t *testing.T) string {
	const file = "../examples/dr/replication.yaml"
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	list, problems := spec.Parse(file, data)
	require.Empty(t, problems)
	p, err := plan.Build(list[0])
	require.NoError(t, err)
	var rows [][]string
	for _, s := range p.Sites {
		for _, r := range s.Relationships {
			for _, a := range r.Accounts {
				duty := strings.TrimPrefix(a.Name, "scribe-"+r.Name+"-")
				if len(a.Rules)+len(a.Discover) == 0 {
					rows = append(rows, []string{s.Name, duty, "none: it reads what is mounted", "", ""})
				}
				for _, rule := range a.Rules {
					rows = append(rows, right(s.Name, duty, rule, ""))
				}
				for _, rule := range a.Discover {
					rows = append(rows, right(s.Name, duty, rule, "cluster: "))
				}
			}
		}
	}
	return "\n" + markdown.Table([]string{"site", "account", "may", "on", "for"}, rows) + "\n"
}

func right(site, duty string, r plan.Rule, scope string) []string {
	on := scope + strings.Join(r.Resources, ", ")
	if len(r.Names) > 0 {
		on += " `" + strings.Join(r.Names, "`, `") + "`"
	}
	return []string{site, duty, strings.Join(r.Verbs, ", "), on, r.Reason}
}
