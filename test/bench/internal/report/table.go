package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table is text in columns. The first columns are words, aligned left; the rest
// are numbers, aligned right.
type table struct {
	head  []string
	lines [][]string
	// numbers is the index of the first column of numbers; default 2.
	numbers int
}

func (t table) left(column int) bool {
	if t.numbers == 0 {
		return column < 2
	}
	return column < t.numbers
}

// text writes the table with aligned columns.
func (t table) text(w io.Writer) {
	widths := make([]int, len(t.head))
	for _, line := range append([][]string{t.head}, t.lines...) {
		for i, cell := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range append([][]string{t.head}, t.lines...) {
		var b strings.Builder
		for i, cell := range line {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if t.left(i) {
				b.WriteString(cell + pad + "  ")
			} else {
				b.WriteString(pad + cell + "  ")
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// markdown writes the table in GitHub's notation.
func (t table) markdown(w io.Writer) {
	rule := make([]string, len(t.head))
	for i := range rule {
		rule[i] = "---:"
		if t.left(i) {
			rule[i] = "---"
		}
	}
	for _, line := range append([][]string{t.head, rule}, t.lines...) {
		cells := make([]string, len(line))
		for i, cell := range line {
			cells[i] = strings.ReplaceAll(cell, "|", `\|`)
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
}

// Text writes the report for a terminal.
func (r *Report) Text(w io.Writer) {
	if len(r.Rows) > 0 {
		r.comparison().text(w)
		fmt.Fprintln(w)
	}
	if len(r.Rows) > 0 && len(r.Kinds) > 0 {
		r.requests().text(w)
		fmt.Fprintln(w)
	}
	if len(r.Flat) > 0 {
		fmt.Fprintln(w, flatTitle)
		r.flat().text(w)
		fmt.Fprintln(w)
	}
	for _, note := range r.notes() {
		fmt.Fprintln(w, note)
	}
}

// flatTitle introduces the second table.
const flatTitle = "Peak memory of the steps themselves, and of the processes that they start, rsync among them:"

// Markdown writes the report as Markdown.
func (r *Report) Markdown(w io.Writer) {
	if len(r.Rows) > 0 {
		r.comparison().markdown(w)
		fmt.Fprintln(w)
	}
	if len(r.Rows) > 0 && len(r.Kinds) > 0 {
		r.requests().markdown(w)
		fmt.Fprintln(w)
	}
	if len(r.Flat) > 0 {
		fmt.Fprintf(w, "%s\n\n", flatTitle)
		r.flat().markdown(w)
		fmt.Fprintln(w)
	}
	for _, note := range r.notes() {
		fmt.Fprintf(w, "- %s\n", note)
	}
}
