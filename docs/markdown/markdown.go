// Package markdown turns help texts and comments into Markdown for the generated
// references in docs. It knows nothing of what they are about.
package markdown

import (
	"fmt"
	"strings"
)

// special are the characters of plain text that Markdown would take for its own.
var special = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `_`, `\_`, `<`, `\<`, `[`, `\[`)

// Escape returns a text that shows as it is. What stands between back quotes is
// code and left alone.
func Escape(text string) string {
	parts := strings.Split(text, "`")
	for i := 0; i < len(parts); i += 2 {
		parts[i] = special.Replace(parts[i])
	}
	return strings.Join(parts, "`")
}

// Prose returns a help text as Markdown: its paragraphs, and those that are
// indented as blocks of code.
func Prose(text string) string {
	var out []string
	for paragraph := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		if strings.HasPrefix(paragraph, "  ") || strings.HasPrefix(paragraph, "\t") {
			out = append(out, strings.TrimSuffix(Code("text", paragraph), "\n"))
			continue
		}
		out = append(out, Escape(paragraph))
	}
	return strings.Join(out, "\n\n") + "\n"
}

// Code returns a block of code without the indent that all its lines share.
func Code(language, text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	indent := -1
	for _, line := range lines {
		if bare := strings.TrimLeft(line, " \t"); bare != "" && (indent < 0 || len(line)-len(bare) < indent) {
			indent = len(line) - len(bare)
		}
	}
	for i, line := range lines {
		lines[i] = line[min(max(indent, 0), len(line)):]
	}
	return fmt.Sprintf("```%s\n%s\n```\n", language, strings.Join(lines, "\n"))
}

// Table returns a table. Its cells are Markdown already, save for the bar.
func Table(header []string, rows [][]string) string {
	var b strings.Builder
	row := func(cells []string) {
		for _, cell := range cells {
			b.WriteString("| " + strings.ReplaceAll(cell, "|", `\|`) + " ")
		}
		b.WriteString("|\n")
	}
	row(header)
	b.WriteString(strings.Repeat("|---", len(header)) + "|\n")
	for _, cells := range rows {
		row(cells)
	}
	return b.String()
}

// Word returns a word as code; nothing for the empty one.
func Word(word string) string {
	if word == "" {
		return ""
	}
	return "`" + word + "`"
}
