// Package stepdoc makes the reference of the step binaries, docs/steps.md, from
// the contract, from the comments in the steps' source and from what the binaries
// print as help. It reads source relative to its own directory and must run
// there, as go test and go generate do.
package stepdoc

import (
	"bytes"
	"flag"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/backube/scribe-gen/docs/markdown"
	"github.com/backube/scribe-gen/steps/contract"
)

//go:generate go test . -run TestReferenceIsCurrent -update

const (
	// steps is the folder of the steps, seen from here.
	steps = "../.."
	// contractPackage is the contract's folder, seen from there.
	contractPackage = "contract"
)

// Runner runs a step binary and returns what it wrote.
type Runner func(program string, args ...string) (stdout, stderr string)

const preamble = `# Steps

The binaries that run in pods, or as processes of a host. One image holds all;
the bundle that scribe-gen compiles calls them with the arguments below. A step
takes arguments of the form ` + "`--name=value`" + ` and nothing else. A flag that is left out
has the zero value; what that means is in its description.

stdout is empty. Log lines go to stderr, products to the files that flags name,
and the last word to the termination message.
`

// Reference returns the text of docs/steps.md.
func Reference(run Runner) ([]byte, error) {
	src, err := read(steps)
	if err != nil {
		return nil, err
	}
	w := &writer{src: src, run: run, groups: map[string]bool{}}
	w.WriteString(preamble)
	for _, section := range []func() error{
		w.overview, w.verbs, w.sharedFlags, w.exitCodes, w.refusals, w.outcome, w.state, w.environment, w.logs, w.labels, w.layout,
	} {
		if err := section(); err != nil {
			return nil, err
		}
	}
	return w.Bytes(), nil
}

// writer gathers the sections.
type writer struct {
	bytes.Buffer
	src *source
	run Runner
	// groups are the structs of flags that several steps share, in the order of
	// their first use.
	groups map[string]bool
	order  []reflect.Type
}

func (w *writer) table(header []string, rows [][]string) {
	w.WriteString("\n" + markdown.Table(header, rows))
}

func name(c contract.Command) string { return strings.TrimSpace(c.Program() + " " + c.Verb()) }

func (w *writer) overview() error {
	var rows [][]string
	for _, c := range contract.Commands() {
		anchor := strings.ReplaceAll(name(c), " ", "-")
		arguments := reflect.TypeOf(c).Elem().Name()
		what := sentence(arguments, w.src.docs[arguments])
		rows = append(rows, []string{fmt.Sprintf("[`%s`](#%s)", name(c), anchor), markdown.Escape(what)})
	}
	w.table([]string{"step", "what it does"}, rows)
	return nil
}

func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func (w *writer) verbs() error {
	for _, c := range contract.Commands() {
		fmt.Fprintf(w, "\n## %s\n\n", name(c))
		args := []string{"--help"}
		if c.Verb() != "" {
			args = []string{c.Verb(), "--help"}
		}
		help, _ := w.run(c.Program(), args...)
		long, usage, ok := strings.Cut(help, "\nEXIT STATUS")
		if !ok {
			return fmt.Errorf("the help of %s has no exit status: %s", name(c), help)
		}
		w.WriteString(markdown.Prose(long))
		w.flags(c)
		if _, examples, ok := strings.Cut(usage, "\nExamples:\n"); ok {
			examples, _, _ = strings.Cut(examples, "\n\nFlags:")
			w.WriteString("\n" + markdown.Code("sh", examples))
		}
	}
	return nil
}

var requiredFlag = regexp.MustCompile(`--([a-z-]+) is required`)

// flags writes the flags that only this step has, and names the groups of the
// others. Which are required the step itself says when it gets none.
func (w *writer) flags(c contract.Command) {
	args := []string{}
	if c.Verb() != "" {
		args = append(args, c.Verb())
	}
	_, complaint := w.run(c.Program(), args...)
	var required, groups []string
	for _, m := range requiredFlag.FindAllStringSubmatch(complaint, -1) {
		required = append(required, m[1])
	}
	var own []string
	t := reflect.TypeOf(c).Elem()
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.Anonymous {
			own = append(own, f.Tag.Get("flag"))
			continue
		}
		groups = append(groups, fmt.Sprintf("[%s](#flags-%s)", strings.ToLower(f.Name), strings.ToLower(f.Name)))
		if !w.groups[f.Name] {
			w.groups[f.Name] = true
			w.order = append(w.order, f.Type)
		}
	}
	fmt.Fprintf(w, "\nShared flags: %s.", strings.Join(groups, ", "))
	if len(required) > 0 {
		fmt.Fprintf(w, " Required: `--%s`.", strings.Join(required, "`, `--"))
	}
	w.WriteString("\n")
	if len(own) > 0 {
		w.table([]string{"flag", "type", "meaning"}, flagRows(contract.Flags(c), own))
	}
}

// flagRows describes some flags of a set, in the order of names.
func flagRows(set *flag.FlagSet, names []string) (rows [][]string) {
	for _, n := range names {
		f := set.Lookup(n)
		kind, usage := flag.UnquoteUsage(f)
		if typed, ok := f.Value.(interface{ Type() string }); ok {
			kind = typed.Type()
		}
		rows = append(rows, []string{markdown.Word("--" + f.Name), kind, markdown.Escape(capital(usage)) + "."})
	}
	return rows
}

func (w *writer) sharedFlags() error {
	for _, t := range w.order {
		fmt.Fprintf(w, "\n## Flags: %s\n\n%s\n", strings.ToLower(t.Name()), markdown.Escape(strings.TrimSpace(w.src.docs[t.Name()])))
		var names []string
		for i := range t.NumField() {
			names = append(names, t.Field(i).Tag.Get("flag"))
		}
		w.table([]string{"flag", "type", "meaning"}, flagRows(contract.Flags(commandWith(t)), names))
	}
	return nil
}

// commandWith is a command that embeds the struct.
func commandWith(t reflect.Type) contract.Command {
	all := contract.Commands()
	i := slices.IndexFunc(all, func(c contract.Command) bool {
		f, ok := reflect.TypeOf(c).Elem().FieldByName(t.Name())
		return ok && f.Anonymous
	})
	return all[i]
}
