package filter_test

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/filter"
)

// names are of the bytes that mean something in a pattern, and some that do not.
var names = []string{
	"a", "b", "c", "ab", "ba", "aa", "abc", "a.b", ".a", "A", "0", "-", "]", "[", "*", "**", "?", `\`, `\a`, `a\b`, `\*`, "!", "^", ":", "_", " ",
	"a b", "[a]", "a*", "a-b", "ü", "\xff", "[:alpha:]", "{a,b}", "+",
}

// makeTree makes a tree of those names, three levels deep.
func makeTree(t testing.TB) string {
	root := t.TempDir()
	dirs := []string{"", "a", "b", "ab", "[a]", "*", "a/b", "a/a", "b/a", "a/b/a", "a/b/c", "c/a/b", `\`, " "}
	for _, dir := range dirs {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, dir := range dirs {
		for _, name := range names {
			path := filepath.Join(root, dir, name)
			if _, err := os.Lstat(path); err == nil {
				continue
			}
			require.NoError(t, os.WriteFile(path, nil, 0o644))
		}
	}
	require.NoError(t, os.Symlink("a", filepath.Join(root, "symlink")))
	return root
}

// rsyncer asks rsync.
type rsyncer struct{ root, rules, empty string }

func newRsyncer(t testing.TB) rsyncer {
	_, err := exec.LookPath("rsync")
	require.NoError(t, err, "this test needs the Debian package rsync")
	return rsyncer{makeTree(t), filepath.Join(t.TempDir(), "rules"), t.TempDir()}
}

// keeps lists what rsync lets through.
func (r rsyncer) keeps(t testing.TB, rules string) []string {
	require.NoError(t, os.WriteFile(r.rules, []byte(rules), 0o644))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "rsync", "-a", "--dry-run", "--8-bit-output", "--out-format=%n",
		"--filter=merge "+r.rules, r.root+"/", r.empty+"/").CombinedOutput()
	require.NoError(t, err, "rules %q: %s", rules, out)
	var paths []string
	for line := range strings.Lines(string(out)) {
		path := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "/")
		if path != "." { // which is there if it is newer
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// agree fails when rsync and a filter do not let through the same.
func (r rsyncer) agree(t testing.TB, rules string) {
	f, err := filter.Parse(strings.NewReader(rules))
	if err != nil {
		return
	}
	var all []string
	require.NoError(t, tree.Walk(r.root, func(e tree.Entry) error {
		if e.Path != "." && !f.Excluded(e.Path, e.IsDir()) {
			all = append(all, e.Path)
		}
		return nil
	}))
	var walked []string
	require.NoError(t, tree.Walk(r.root, func(e tree.Entry) error {
		if f.Matches(e.Path, e.IsDir()) {
			return fs.SkipDir
		}
		if e.Path != "." {
			walked = append(walked, e.Path)
		}
		return nil
	}))
	slices.Sort(all)
	slices.Sort(walked)
	assert.Empty(t, differences(r.keeps(t, rules), all), "rules %q: - only rsync keeps it, + only the filter", rules)
	assert.Empty(t, differences(all, walked), "rules %q", rules)
}

// differences of two sorted lists.
func differences(a, b []string) (lines []string) {
	for len(a)+len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0] < b[0]:
			lines = append(lines, "-"+a[0])
			a = a[1:]
		case len(a) == 0 || b[0] < a[0]:
			lines = append(lines, "+"+b[0])
			b = b[1:]
		default:
			a, b = a[1:], b[1:]
		}
	}
	return lines
}

// The man page's own examples, and what it says little about.
var hard = []string{
	"- *.o", "- /a", "- a/", "- a/*/b", "- /a/**/b", "+ */\n+ *.b\n- *", "+ a/\n+ a/b\n- *", "- a/***", "- /a/***", "+ /a/***\n- *", "- ***", "- a***", "- **a",
	"- **/a", "- **/a/**", "- a**b", "- /a**b", "- *a*b", "- a/**b", "- **/", "- */", "- /*/", "- /", "- //", "- a//", "- /./a", "- ./a", "- .", "- ./", "- ..",
	`- \*`, `- \`, `- \\`, `- \a`, `- \a*`, `- a\b`, `- a\b*`, `- \**`, `- *\*`, `- [\]]`, `- [\a]`, `- [a\-c]`, `- [`, `- []`, `- [a`, `- [!a`, `- []a]`, `- [!]a]`, `- [^]]`,
	"- [!a]", "- [^a]", "- [a-c]", "- [c-a]", "- [a-]", "- [-a]", "- [a-c-e]", "- [!a-c]*", "- [[:alpha:]]", "- [[:alpha:]*]", "- [[:no:]]", "- [[:]", "- [[::]]", "- [[:alpha]", "- [:alpha:]",
	"- [[:punct:][:digit:]]", "- [[:upper:]]", "- [![:print:]]", "- [[:print:]]*", "- [a-[:alpha:]]", "- a[/]b", "- a?b", "- ?", "- ??", "- [\xff]", "- [a-\xff]*", "- ü", "- {a,b}",
	"- a b", "-  ", "- a ", "+ a\n- a", "+ a/b\n- a", "- a/b/\n+ b\n- *b*", "exclude a\ninclude b\n- *", "- a/b/c", "- b/c", "- */c", "- a/*", "- a/?", "- *a/*b", "- */*/*",
	"- /*/*", "- a/**/", "- **/**", "- **/*/**", "- a*/**", "- b/***/a", "- **b/**a", "- /**", "- /**/", "- /***", "- a/b/***", "- **a***", "- a\r- b\n", "-_a", "- [[]", "- [*]", "- [?]", "- a[!b]b", "- [a][b]",
}

func TestAgreesWithRsync(t *testing.T) {
	r := newRsyncer(t)
	for _, rules := range hard {
		r.agree(t, rules+"\n")
	}
}

func TestAgreesWithRsyncAtRandom(t *testing.T) {
	if testing.Short() {
		t.Skip("many runs of rsync")
	}
	r := newRsyncer(t)
	rng := rand.New(rand.NewPCG(5, 6))
	pieces := append(slices.Clone(names), "/", "/", "/", "*", "*", "**", "**", "?", "***", "[a-c]", "[!a]", "[[:alpha:]]", "[", "]", `\`, "a", "b", "c")
	pattern := func() string {
		var b strings.Builder
		for range 1 + rng.IntN(5) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		return b.String()
	}
	for range 150 {
		var rules strings.Builder
		for range 1 + rng.IntN(3) {
			rules.WriteString([]string{"- ", "- ", "+ "}[rng.IntN(3)] + pattern() + "\n")
		}
		r.agree(t, rules.String())
	}
}

func FuzzAgainstRsync(f *testing.F) {
	for _, rules := range hard {
		f.Add(rules)
	}
	r := newRsyncer(f)
	f.Fuzz(func(t *testing.T, rules string) { r.agree(t, rules) })
}
