package filter

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// naive tries everything a star may take.
func naive(g glob, text string) bool {
	if len(g) == 0 {
		return text == ""
	}
	switch g[0].kind {
	case many, all:
		if naive(g[1:], text) {
			return true
		}
		return text != "" && (g[0].kind == all || text[0] != '/') && naive(g, text[1:])
	case one:
		return text != "" && g[0].set.has(text[0]) && naive(g[1:], text[1:])
	}
	return false
}

// Trying the shortest first finds every match that there is.
func FuzzGlob(f *testing.F) {
	f.Add("*a**b*c", "xa/b/bc")
	f.Add("**a*c/d", "ac/ac/d")
	f.Add("a*/*x/**y", "ab/xx/y")
	f.Add("*?*[a-c]*/**", "a/b/c")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 12 || len(text) > 16 {
			return // naive takes too long
		}
		g := compile(pattern)
		assert.Equal(t, naive(g, text), g.match(text), "%q and %q", pattern, text)
	})
}

func TestGlobOfFewBytes(t *testing.T) {
	const bytes = "a/*"
	var patterns, texts []string
	for n := range 3 * 3 * 3 * 3 * 3 * 3 {
		var pattern, text []byte
		for i := 0; i < 6; i, n = i+1, n/3 {
			pattern = append(pattern, bytes[n%3])
			text = append(text, bytes[n%3])
		}
		patterns, texts = append(patterns, string(pattern)), append(texts, string(text))
	}
	for _, pattern := range patterns {
		g := compile(pattern)
		for _, text := range texts {
			if naive(g, text) != g.match(text) {
				t.Fatalf("%q and %q", pattern, text)
			}
		}
	}
}
