package filter

import "strings"

// rule is one line.
type rule struct {
	include bool
	// directories is set when the rule is about directories only.
	directories bool
	scope       scope
	// elements is how many components scopeLast looks at.
	elements int
	// before and after are put around the path before it is matched; after only
	// if it is that of a directory.
	before, after string
	// literal is the pattern when it has no wildcards; else there is a glob.
	literal string
	glob    glob
}

// scope is which part of a path a pattern is matched against.
type scope int

const (
	scopeWhole scope = iota // from the first byte on
	scopeLast               // the last components
	scopeAny                // from any component on
)

// newRule understands a pattern that is not empty.
func newRule(pattern string, include bool) rule {
	r := rule{include: include}
	if len(pattern) > 1 && strings.HasSuffix(pattern, "/") {
		pattern, r.directories = pattern[:len(pattern)-1], true
	}
	// What a backslash or a bracket makes of an asterisk or a slash plays no role
	// in where the pattern is matched.
	slashes := strings.Count(pattern, "/")
	crossing := strings.Contains(pattern, "**")
	wild := strings.ContainsAny(pattern, "*?[")
	switch {
	case pattern[0] == '/':
		pattern = pattern[1:]
	case strings.HasPrefix(pattern, "**"):
		r.before = "/" // so that **/name also matches a name in the root
	case crossing:
		r.scope = scopeAny
	default:
		r.scope, r.elements = scopeLast, slashes+1
	}
	if crossing && strings.HasSuffix(pattern, "***") {
		r.after = "/"
	}
	if wild {
		r.glob = compile(pattern)
	} else {
		r.literal = pattern
	}
	return r
}

// matches reports whether the rule is about the path.
func (r *rule) matches(path string, dir bool) bool {
	if r.directories && !dir {
		return false
	}
	text := path
	if r.scope == scopeLast {
		var enough bool
		if text, enough = last(path, r.elements); !enough {
			return false
		}
	}
	if r.glob == nil {
		return text == r.literal
	}
	text = r.before + text
	if dir {
		text += r.after
	}
	if r.glob.match(text) {
		return true
	}
	for r.scope == scopeAny {
		i := strings.IndexByte(text, '/')
		if i < 0 {
			break
		}
		if text = text[i+1:]; r.glob.match(text) {
			return true
		}
	}
	return false
}

// last returns the last components of a path, and whether it has that many.
func last(path string, components int) (string, bool) {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			if components--; components == 0 {
				return path[i+1:], true
			}
		}
	}
	return path, components == 1
}
