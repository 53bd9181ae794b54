package filter_test

import (
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/tree/filter"
)

func parse(t testing.TB, rules string) *filter.Filter {
	f, err := filter.Parse(strings.NewReader(rules))
	require.NoError(t, err)
	return f
}

// A path that ends in a slash is a directory here.
func TestPatterns(t *testing.T) {
	tests := map[string]struct{ out, in []string }{
		"*.tmp":                        {[]string{"a.tmp", "x/y/.tmp", "d.tmp/", "d.tmp/kept"}, []string{"tmp", "a.tmp2", "x/a.tmpx"}},
		"name":                         {[]string{"name", "a/name", "a/name/", "name/below/it"}, []string{"names", "aname", "a/bname"}},
		"cache/":                       {[]string{"cache/", "a/cache/", "a/cache/x"}, []string{"cache", "a/cache"}},
		"/top":                         {[]string{"top", "top/", "top/x"}, []string{"a/top"}},
		"/top/":                        {[]string{"top/", "top/x"}, []string{"top", "a/top/"}},
		"a/b":                          {[]string{"a/b", "x/a/b", "x/a/b/c"}, []string{"b", "xa/b", "a/x/b", "a"}},
		"/a/b":                         {[]string{"a/b"}, []string{"x/a/b", "a"}},
		"a/*/b":                        {[]string{"a/x/b", "y/a/x/b"}, []string{"a/b", "a/x/y/b"}},
		"a/*.c":                        {[]string{"a/.c", "x/a/y.c"}, []string{"ba/x.c", "a/x/y.c"}},
		"/a/**/b":                      {[]string{"a/x/b", "a/x/y/b"}, []string{"a/b", "x/a/x/b"}},
		"a/**":                         {[]string{"a/x", "x/a/y/", "a/y/z"}, []string{"a/", "ba/x"}},
		"a/***":                        {[]string{"a/", "a/x", "b/a/", "b/a/x/y"}, []string{"a", "ba/"}},
		"**/b":                         {[]string{"b", "a/b", "a/x/b/"}, []string{"ab", "a/xb"}},
		"**b":                          {[]string{"b", "ab", "a/xb"}, []string{"bc"}},
		"a**b":                         {[]string{"ab", "a/x/b", "x/ab", "axb"}, []string{"xab", "ba"}},
		"?":                            {[]string{"a", "x/a"}, []string{"ab", "ü"}},
		"??":                           {[]string{"ü", "ab"}, []string{"a", "x/y"}},
		"a?b":                          {[]string{"a-b"}, []string{"a/b"}},
		"[a-cx]":                       {[]string{"b", "x"}, []string{"d", "-"}},
		"[!a-c]":                       {[]string{"d", "!"}, []string{"a"}},
		"[^a]":                         {[]string{"b", "^"}, []string{"a"}},
		"[]a]":                         {[]string{"]", "a"}, []string{"b", "[]"}},
		"[a-]":                         {[]string{"a", "-"}, []string{"b"}},
		"[[:digit:]a]":                 {[]string{"7", "a"}, []string{":", "d"}},
		"[[:none:]]":                   {nil, []string{":", "n", "[", "]", "n]"}},
		"[a":                           {nil, []string{"[a", "a"}},
		"a[/]b":                        {nil, []string{"a/b"}},
		`a\*b`:                         {[]string{"a*b"}, []string{`a\*b`, "axb"}},
		`a\b`:                          {[]string{`a\b`}, []string{"ab"}},
		`a\b*`:                         {[]string{"ab", "abc"}, []string{`a\b`}},
		`*\`:                           {nil, []string{`a\`, `\`}},
		"with  spaces ":                {[]string{"with  spaces "}, []string{"with  spaces"}},
		"- not a rule":                 {[]string{"- not a rule"}, []string{"not a rule"}},
		"/":                            {nil, []string{".", "a", "a/"}},
		".":                            {nil, []string{"."}},
		"*":                            {[]string{"a", "a/", ".a", "a/b"}, []string{"."}},
		"/*":                           {[]string{"a"}, []string{"."}},
		"**":                           {[]string{"a", "a/b"}, []string{"."}},
		"lost+found/":                  {[]string{"lost+found/", "a/lost+found/"}, []string{"lost+found"}},
		strings.Repeat("a*", 30) + "b": {nil, []string{strings.Repeat("a", 200)}},
	}
	for pattern, test := range tests {
		f := parse(t, "- "+pattern+"\n")
		check := func(path string) bool {
			name, dir := strings.CutSuffix(path, "/")
			return f.Excluded(name, dir)
		}
		for _, path := range test.out {
			assert.True(t, check(path), "%q leaves out %q", pattern, path)
		}
		for _, path := range test.in {
			assert.False(t, check(path), "%q keeps %q", pattern, path)
		}
	}
}

func TestFirstRuleDecides(t *testing.T) {
	f := parse(t, "# a comment\n; another\n\n+ keep.o\n- *.o\r\ninclude dir/\nexclude_dir\n-_under score\n- out\n+ out/in")
	for path, excluded := range map[string]bool{
		"keep.o": false, "other.o": true, "dir": true, "under score": true, "a comment": false, "out/in": true,
	} {
		assert.Equal(t, excluded, f.Excluded(path, false), path)
	}
	assert.False(t, f.Excluded("dir", true))
	assert.False(t, f.Matches("out/in", false), "its directory is for the walk to leave out")
	assert.True(t, f.Matches("out", true))
	assert.False(t, f.Matches(".", true))
}

func TestNilFilterKeepsAll(t *testing.T) {
	var f *filter.Filter
	assert.False(t, f.Excluded("a/b", false))
	assert.False(t, f.Matches("a", true))
	assert.False(t, parse(t, "\n").Excluded("a", false))
}

func TestParseRefuses(t *testing.T) {
	for _, line := range []string{
		"*.tmp", "-", "- ", "+", "exclude", "exclude ", "-! x", "-/ x", "-s x", "-,s x", "H x", "P x", "!", "merge x", ". x", ": x", "dir-merge x",
		" - x", "exclude\tx", "-\tx", "- a\x00b", "- " + strings.Repeat("x", 4096), "hide x",
	} {
		_, err := filter.Parse(strings.NewReader("- a\n\n" + line + "\n- b\n"))
		require.Error(t, err, "%q", line)
		assert.Contains(t, err.Error(), "line 3", "%q", line)
		assert.Less(t, len(err.Error()), 1500)
	}
	_, err := filter.Parse(strings.NewReader("- a\n" + strings.Repeat("x", 2<<20)))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "after line 1")
	_, err = filter.Parse(iotest.ErrReader(iotest.ErrTimeout))
	assert.ErrorIs(t, err, iotest.ErrTimeout)
}

func BenchmarkExcluded(b *testing.B) {
	f := parse(b, "- *.tmp\n- cache/\n- /var/log/**/*.gz\n- **/node_modules/\n- [._]*.sw?\n")
	for b.Loop() {
		f.Excluded("home/someone/project/src/main/document.txt", false)
	}
}

func BenchmarkMatches(b *testing.B) {
	f := parse(b, "- *.tmp\n- cache/\n- /var/log/**/*.gz\n- **/node_modules/\n- [._]*.sw?\n")
	for b.Loop() {
		f.Matches("home/someone/project/src/main/document.txt", false)
	}
}
