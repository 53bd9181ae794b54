package catalog

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/template"

	"github.com/backube/scribe-gen/generator/plan"
)

// readme is the page of a package.
func (e edition) readme(b *Block) ([]byte, error) {
	return e.text(b, "readme.md")
}

// purpose is what a block is for, in Markdown: the first part of what is written by
// hand.
func (b *Block) purpose() (string, error) {
	text, err := edition{}.text(b, "purpose")
	return strings.TrimSpace(string(text)), err
}

// text executes a template of the block's texts.
func (e edition) text(b *Block, name string) ([]byte, error) {
	t, err := template.New(name).Funcs(e.funcs(b)).
		ParseFS(texts, "texts/readme.md", "texts/shared/*.md", "texts/blocks/"+b.Name+".md")
	if err != nil {
		return nil, fmt.Errorf("texts of block %s: %w", b.Name, err)
	}
	var out bytes.Buffer
	err = t.ExecuteTemplate(&out, name, e.page(b))
	return bytes.TrimLeft(out.Bytes(), "\n"), err
}

// overview is the page of the whole catalog.
func overview(blocks []*Block) ([]byte, error) {
	t, err := template.ParseFS(texts, "texts/index.md")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, map[string]any{"Blocks": blocks, "Version": Version, "Editions": editions})
	return out.Bytes(), err
}

// Path is the path of a file of a package as the package of another block, or the
// same, sees it.
func (e edition) path(from *Block, to, file string) string {
	if from.Name == to {
		return file
	}
	return path.Join("../..", prefix+to, Version, file)
}

// funcs are the words of the texts.
func (e edition) funcs(b *Block) template.FuncMap {
	return template.FuncMap{
		"install": func(name string) string { return e.apply("apply", b, name) },
		"remove":  func(name string) string { return e.apply("delete --ignore-not-found", b, name) },
		"sample":  func(name, file string) string { return e.path(b, name, "samples/"+file) },
		"create": func(name, variable string) string {
			return fmt.Sprintf("%s=$(kubectl create -f %s -o name)", variable, e.path(b, name, "samples/run.yaml"))
		},
		"wait":    e.wait,
		"outputs": e.outputs,
		"indent": func(n int, text string) string {
			return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+strings.Repeat(" ", n))
		},
		"cell":     strings.NewReplacer("|", `\|`, "<", `\<`).Replace,
		"params":   func() ([]Param, error) { return e.params(b) },
		"rights":   func() []right { return rightsTable(e.rights(b.Account)) },
		"classes":  func() []right { return rightsTable(b.Account.Discover) },
		"manifest": func() string { return e.manifestOf(b) },
		"withClaim": func(p page, claim string) map[string]string {
			return map[string]string{"Claim": claim, "Image": p.Image}
		},
		"snapshot": func(p page, name, at string) map[string]string {
			return map[string]string{"Name": name, "At": at, "Claim": p.ReplicaClaim, "Relationship": p.Relationship()}
		},
		"argo":   e.argo,
		"output": func(name string) string { return outputUsage[name] },
	}
}

// install is how to install a block from its own folder.
func (e edition) install(b *Block) string { return e.apply("apply", b, b.Name) }

// apply applies or deletes a block with its account.
func (e edition) apply(verb string, from *Block, name string) string {
	block := &Block{Name: name}
	return fmt.Sprintf("kubectl %s -f %s -f %s", verb,
		e.path(from, name, e.manifestOf(block)), e.path(from, name, e.access))
}

// wait waits until the run in a shell variable has succeeded.
func (e edition) wait(variable string) string {
	condition := "condition=Succeeded"
	if e.argo() {
		condition = "jsonpath='{.status.phase}'=Succeeded"
	}
	return fmt.Sprintf(`kubectl wait "$%s" --for=%s --timeout=10m`, variable, condition)
}

// outputs prints the outputs of the run in a shell variable.
func (e edition) outputs(variable string) string {
	from := ".status.results"
	if e.argo() {
		from = ".status.nodes['${" + variable + "#*/}'].outputs.parameters" // the first node has the workflow's name
	}
	return fmt.Sprintf(`kubectl get "$%s" -o jsonpath="{range %s[*]}{.name}{': '}{.value}{'\n'}{end}"`, variable, from)
}

// params are the block's parameters under the engine.
func (e edition) params(b *Block) ([]Param, error) {
	if e.argo() {
		t, err := b.argoTemplate()
		if err != nil {
			return nil, err
		}
		params := make([]Param, len(t.Inputs.Parameters))
		for i, p := range t.Inputs.Parameters {
			params[i] = Param{Param: plan.Param{Name: p.Name, Description: p.Description.String()}, Required: p.Default == nil}
			if p.Default != nil {
				params[i].Default = p.Default.String()
			}
		}
		return params, nil
	}
	t, err := b.Task()
	if err != nil {
		return nil, err
	}
	params := make([]Param, len(t.Spec.Params))
	for i, p := range t.Spec.Params {
		params[i] = Param{Param: plan.Param{Name: p.Name, Description: p.Description}, Required: p.Default == nil}
		if p.Default != nil {
			params[i].Default = p.Default.StringVal
		}
	}
	return params, nil
}

// right is a row of a table of rights.
type right struct{ What, Verbs, Reason string }

func rightsTable(rules []plan.Rule) []right {
	rows := make([]right, len(rules))
	for i, r := range rules {
		what := strings.Join(r.Resources, ", ")
		if r.Group != "" {
			what += "." + r.Group
		}
		names := slices.Clone(r.Names)
		for i := range names {
			names[i] = "`" + names[i] + "`"
		}
		if len(names) > 0 {
			what += " " + strings.Join(names, ", ")
		}
		rows[i] = right{What: what, Verbs: strings.Join(r.Verbs, ", "), Reason: r.Reason}
	}
	return rows
}
