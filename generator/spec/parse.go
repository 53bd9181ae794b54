package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Group is the part of [APIVersion] before the version.
const Group = "scribe.backube"

// Change modifies a replication after it got its defaults and before it is
// validated.
type Change func(*Replication)

// WithEngine is the [Change] that runs every site with the given engine; with ""
// it changes nothing.
func WithEngine(e Engine) Change {
	return func(r *Replication) {
		if e != "" {
			r.OverrideEngine(e)
		}
	}
}

// OverrideEngine sets the engine of every site. The result may be invalid: a
// site that had a namespace only cannot be local.
func (r *Replication) OverrideEngine(e Engine) {
	for name, site := range r.Spec.Sites {
		site.Engine = e
		r.Spec.Sites[name] = site
	}
}

// Document is one replication and where it was read.
type Document struct {
	// File is the name it was given by; "-" is standard input.
	File        string
	Replication *Replication

	// fields are where its fields are in the file.
	fields map[string]*yaml.Node
}

// Parse reads the replications of one file: it decodes strictly, sets defaults,
// applies the changes and validates. Every document must be a replication;
// empty ones are skipped. It returns those without problems, and all problems in
// the order of the file.
func Parse(file string, data []byte, changes ...Change) ([]*Replication, Problems) {
	documents, problems := parse(file, data, false, changes)
	var replications []*Replication
	for _, d := range documents {
		replications = append(replications, d.Replication)
	}
	return replications, problems
}

// parse is Parse; with skipOthers, documents that are something else are left
// out silently, and so is a file without documents.
func parse(file string, data []byte, skipOthers bool, changes []Change) ([]Document, Problems) {
	nodes, problems := split(data)
	var documents []Document
	found := 0
	for _, n := range nodes {
		if skipOthers && !isOurs(n) {
			continue
		}
		found++
		document, ps := parseDocument(n, changes)
		problems = append(problems, ps...)
		if len(ps) == 0 {
			document.File = file
			documents = append(documents, document)
		}
	}
	if found == 0 && len(problems) == 0 && !skipOthers {
		problems = Problems{{Detail: "no document: expected a " + Kind}}
	}
	problems.sortByPlace()
	for i := range problems {
		problems[i].File = file
	}
	return documents, problems
}

// split returns the documents of a YAML stream that are not empty, up to the
// first syntax error.
func split(data []byte) ([]*yaml.Node, Problems) {
	var nodes []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		err := decoder.Decode(&n)
		if errors.Is(err, io.EOF) {
			return nodes, nil
		}
		if err != nil {
			return nodes, Problems{syntaxProblem(err)}
		}
		if len(n.Content) == 1 && n.Content[0].ShortTag() != "!!null" {
			nodes = append(nodes, n.Content[0])
		}
	}
}

// syntaxProblem turns the error of the YAML parser, "yaml: line 3: ...", into a
// problem that has its place.
func syntaxProblem(err error) Problem {
	detail := strings.TrimPrefix(err.Error(), "yaml: ")
	p := Problem{Detail: "not YAML: " + detail}
	if _, err := fmt.Sscanf(detail, "line %d:", &p.Line); err != nil {
		p.Line = 0
	}
	return p
}

// isOurs reports whether a document means to be a replication: it is of our
// group, or it is of our kind with an apiVersion that is missing or misspelt.
func isOurs(n *yaml.Node) bool {
	version, kind := header(n)
	group, _, _ := strings.Cut(version, "/")
	return group == Group || kind == Kind && (version == "" || distance(version, APIVersion) <= 4)
}

// header returns the apiVersion and kind of a document, without complaint.
func header(n *yaml.Node) (version, kind string) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		switch n.Content[i].Value {
		case "apiVersion":
			version = n.Content[i+1].Value
		case "kind":
			kind = n.Content[i+1].Value
		}
	}
	return version, kind
}

// parseDocument decodes, completes and validates one document. Problems found by
// validation within a field that could not be decoded are left out: they follow
// from it.
func parseDocument(n *yaml.Node, changes []Change) (Document, Problems) {
	d := decoder{places: map[string]*yaml.Node{}}
	r := &Replication{}
	if n.Kind != yaml.MappingNode {
		d.problem(n, nil, "a document must be a %s, is %s", Kind, describe(n))
		return Document{}, d.problems
	}
	if d.checkHeader(n); len(d.problems) > 0 {
		return Document{}, d.problems
	}
	d.decode(n, reflect.ValueOf(r).Elem(), nil)
	Default(r)
	for _, change := range changes {
		change(r)
	}
	document := Document{Replication: r, fields: d.places}
	problems := d.problems
	for _, err := range Validate(r) {
		if !d.problems.has(err.Field) {
			problems = append(problems, document.problem(n, err))
		}
	}
	return document, problems
}

// checkHeader reports an apiVersion or kind that is not ours; nothing else can
// be said of such a document.
func (d *decoder) checkHeader(n *yaml.Node) {
	version, kind := header(n)
	p := field.NewPath("apiVersion")
	switch {
	case version == "":
		d.problem(n, p, "Required value: write %s", APIVersion)
	case version != APIVersion && strings.HasPrefix(version, Group+"/"):
		d.problem(n, p, "version %q is not known; this scribe-gen reads %s", version, APIVersion)
	case version != APIVersion:
		d.problem(n, p, "must be %s, is %q", APIVersion, version)
	}
	p = field.NewPath("kind")
	switch {
	case kind == "":
		d.problem(n, p, "Required value: write %s", Kind)
	case kind != Kind:
		d.problem(n, p, "must be %s, is %q", Kind, kind)
	}
}

// problem gives an error of validation its place: that of the field, or of the
// nearest one around it that is in the file.
func (d Document) problem(root *yaml.Node, err *field.Error) Problem {
	at := root
	for path := err.Field; path != ""; path = enclosing(path) {
		if n, ok := d.fields[path]; ok {
			at = n
			break
		}
	}
	return Problem{File: d.File, Field: err.Field, Detail: err.ErrorBody(), Line: at.Line, Column: at.Column}
}
