package stepdoc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/backube/scribe-gen/docs/markdown"
	"github.com/backube/scribe-gen/steps/contract"
)

// constants are those of a kind, or whose names match.
func (w *writer) constants(match func(constant) bool) []constant {
	var found []constant
	for _, c := range w.src.consts {
		if match(c) {
			found = append(found, c)
		}
	}
	return found
}

func (w *writer) exitCodes() error {
	w.WriteString("\n## Exit codes\n\nAn engine does not try again after the codes marked so.\n")
	var rows [][]string
	for _, c := range w.constants(func(c constant) bool { return strings.HasPrefix(c.name, "Exit") }) {
		again := "yes"
		if slices.ContainsFunc(contract.NoRetry[:], func(code int) bool { return fmt.Sprint(code) == c.value }) || c.value == "0" {
			again = "no"
		}
		rows = append(rows, []string{c.value, again, markdown.Escape(sentence(c.name, c.doc))})
	}
	w.table([]string{"code", "tried again", "meaning"}, rows)
	return nil
}

func (w *writer) refusals() error {
	w.WriteString("\n## Refusals\n\nThe word in the field `code` of the termination message and in the listener's\nanswers. What to do about each is in [operations](operations.md#what-to-do-on-each-refusal).\n")
	var rows [][]string
	for _, c := range w.constants(func(c constant) bool { return c.kind == "Refusal" }) {
		rows = append(rows, []string{markdown.Word(c.value), fmt.Sprint(contract.Refusal(c.value).ExitCode()), markdown.Escape(sentence(c.name, c.doc))})
	}
	w.table([]string{"refusal", "exit code", "meaning"}, rows)
	return nil
}

func (w *writer) outcome() error {
	fmt.Fprintf(w, "\n## Termination message\n\n%s\n"+
		"It is written to `--termination-file`, else to `%s` where that\nexists. Fields without a value are left out.\n",
		markdown.Escape(strings.ReplaceAll(w.src.docs["Outcome"], "[OutcomeLimit]", fmt.Sprint(contract.OutcomeLimit))), contract.DefaultTerminationFile)
	if err := w.structure("Outcome"); err != nil {
		return err
	}
	w.WriteString("\n### Result\n")
	var rows [][]string
	for _, c := range w.constants(func(c constant) bool { return c.kind == "Result" }) {
		rows = append(rows, []string{markdown.Word(c.value), markdown.Escape(sentence(c.name, c.doc))})
	}
	w.table([]string{"outcome", "meaning"}, rows)
	return nil
}

// structure is the table of a struct's fields.
func (w *writer) structure(name string) error {
	fields, err := w.src.fields(name)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, f := range fields {
		rows = append(rows, []string{markdown.Word(f.name), f.kind, markdown.Escape(f.doc)})
	}
	w.table([]string{"field", "type", "meaning"}, rows)
	return nil
}

func (w *writer) state() error {
	fmt.Fprintf(w, "\n## State of a relationship\n\n%sA directory site has it in `state/%s.json`; in a\ncluster it is the key `%s` of the ConfigMap `%s`.\n",
		markdown.Escape(w.src.docs["State"]), contract.StateName("RELATIONSHIP"), contract.StateKey, contract.StateName("RELATIONSHIP"))
	for _, name := range []string{"State", "Commit", "Totals", "Promotion", "Pause", "Writing"} {
		if name != "State" {
			fmt.Fprintf(w, "\n### %s\n\n%s", name, markdown.Escape(w.src.docs[name]))
		}
		if err := w.structure(name); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) environment() error {
	w.WriteString("\n## Environment\n")
	rows := [][]string{
		{"`PATH`", "Where the rsync program is looked for; the step binary of the same name is passed over."},
		{"`TMPDIR`", "Where a run's own small files are kept; default `/tmp`."},
	}
	// Those of the protocol are variables of an SSH session, not of a step.
	variables := w.constants(func(c constant) bool {
		return strings.HasSuffix(c.name, "Variable") && c.where != "internal/protocol"
	})
	slices.SortFunc(variables, func(a, b constant) int { return cmp.Compare(a.value, b.value) })
	for _, c := range variables {
		rows = append(rows, []string{markdown.Word(c.value), markdown.Escape(sentence(c.name, c.doc))})
	}
	w.table([]string{"variable", "meaning"}, rows)
	return nil
}

func (w *writer) logs() error {
	w.WriteString(`
## Log lines

One JSON object a line on stderr; text when stderr is a terminal. Every line has
` + "`time`, `level`, `msg` and `step`, and `replication`, `relationship`, `run` and `attempt`" + `
where they are known. Sizes are bytes, durations are Go durations such as 1m30s.
`)
	logs := slices.Clone(w.src.logs)
	slices.SortStableFunc(logs, func(a, b logLine) int {
		return cmp.Or(cmp.Compare(a.where, b.where), cmp.Compare(a.message, b.message))
	})
	var rows [][]string
	for _, l := range logs {
		keys := ""
		if len(l.keys) > 0 {
			keys = "`" + strings.Join(l.keys, "`, `") + "`"
		}
		rows = append(rows, []string{markdown.Escape(l.message), l.level, keys, l.where})
	}
	w.table([]string{"message", "level", "further keys", "package"}, rows)
	return nil
}

func (w *writer) labels() error {
	w.WriteString("\n## Labels and annotations\n\nOn the objects that steps and bundles make. A directory site has those of a replica\nsnapshot in the snapshot's record.\n")
	var rows [][]string
	for _, c := range w.constants(func(c constant) bool { return strings.HasPrefix(c.value, "scribe.backube/") }) {
		rows = append(rows, []string{markdown.Word(c.value), markdown.Escape(sentence(c.name, c.doc))})
	}
	w.table([]string{"key", "meaning"}, rows)
	return nil
}

func (w *writer) layout() error {
	fmt.Fprintf(w, "\n## Directory of a site\n\n%s", markdown.Prose(capital(strings.TrimPrefix(w.src.docs["Layout"], "Layout is "))))
	return nil
}
