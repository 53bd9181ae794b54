package spec

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Problem is one thing that is wrong with a spec, or with reading it.
type Problem struct {
	// File is the name the spec was given by; "-" is standard input.
	File string `json:"file"`
	// Field is the path of the field, such as spec.sites[primary].namespace;
	// empty for problems of a whole file.
	Field string `json:"field"`
	// Detail says what is wrong, on one line.
	Detail string `json:"problem"`
	// Line and Column are where the field, or the nearest field around a missing
	// one, is in the file, from 1; 0 when the problem has no place.
	Line   int `json:"-"`
	Column int `json:"-"`
}

// String returns "FILE: FIELD.PATH: problem".
func (p Problem) String() string {
	if p.Field == "" {
		return p.File + ": " + oneLine(p.Detail)
	}
	return p.File + ": " + oneLine(p.Field) + ": " + oneLine(p.Detail)
}

// oneLine escapes what would break a line or a terminal.
func oneLine(s string) string {
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unprintable(r) {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// Problems are all that is wrong, in the order of the files and of the fields in
// them.
type Problems []Problem

// Error returns one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Err returns the problems as an error, nil when there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// sortByPlace puts the problems of one document into the order of the file.
// Those at the same place stay as they were found.
func (ps Problems) sortByPlace() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// has reports whether there is a problem at the field or around it.
func (ps Problems) has(field string) bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return within(field, p.Field) })
}

// within reports whether a field is another one or lies in it.
func within(field, other string) bool {
	rest, ok := strings.CutPrefix(field, other)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// enclosing returns the path of the field around the given one; "" for a
// top-level field. A separator within a map's key only adds steps that name
// nothing, on the way to the same field.
func enclosing(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}
