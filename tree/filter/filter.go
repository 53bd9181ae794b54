package filter

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Filter is a list of rules. It is safe for concurrent use. A nil *Filter leaves
// out nothing.
type Filter struct {
	rules []rule
}

// maxPattern is the length of the longest pattern, in bytes. rsync drops longer
// ones, so what they should leave out would travel.
const maxPattern = 4095

// Parse reads rules, one per line. An error names the first line that is not one
// of the rules that the package knows.
func Parse(r io.Reader) (*Filter, error) {
	f := &Filter{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	number := 0
	for lines.Scan() {
		number++
		for line := range strings.SplitSeq(lines.Text(), "\r") { // ends a line too
			if line == "" || line[0] == '#' || line[0] == ';' {
				continue
			}
			parsed, err := parseRule(line)
			if err != nil {
				return nil, fmt.Errorf("filter rules: line %d: %.200q: %w", number, line, err)
			}
			f.rules = append(f.rules, parsed)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read filter rules after line %d: %w", number, err)
	}
	return f, nil
}

func parseRule(line string) (rule, error) {
	for _, prefix := range []struct {
		text    string
		include bool
	}{{"-", false}, {"+", true}, {"exclude", false}, {"include", true}} {
		rest, found := strings.CutPrefix(line, prefix.text)
		if !found || rest == "" || rest[0] != ' ' && rest[0] != '_' {
			continue
		}
		pattern := rest[1:]
		switch {
		case pattern == "":
			return rule{}, errors.New("no pattern")
		case len(pattern) > maxPattern:
			return rule{}, fmt.Errorf("pattern of %d bytes: at most %d", len(pattern), maxPattern)
		case strings.IndexByte(pattern, 0) >= 0:
			return rule{}, errors.New("zero byte in the pattern")
		}
		return newRule(pattern, prefix.include), nil
	}
	return rule{}, errors.New(`want "- PATTERN" or "+ PATTERN", without modifiers`)
}

// Excluded reports whether the rules leave out a path, which is relative to the
// root, or a directory that leads to it. dir says whether the path is that of a
// directory itself; a symbolic link to one is not. The root, ".", is never left
// out.
func (f *Filter) Excluded(path string, dir bool) bool {
	if f == nil || path == "." {
		return false
	}
	for i := range len(path) {
		if path[i] == '/' && f.Matches(path[:i], true) {
			return true
		}
	}
	return f.Matches(path, dir)
}

// Matches is Excluded for a walk that goes into no directory that is left out:
// it looks at the path alone, not at what leads to it.
func (f *Filter) Matches(path string, dir bool) bool {
	if f == nil || path == "." {
		return false
	}
	for i := range f.rules {
		if f.rules[i].matches(path, dir) {
			return !f.rules[i].include
		}
	}
	return false
}
