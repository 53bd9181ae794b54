package stepdoc

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// source is what the comments and constants of some Go files say.
type source struct {
	// types and docs are the contract's types and their comments.
	types  map[string]*ast.TypeSpec
	docs   map[string]string
	consts []constant
	logs   []logLine
}

// constant is a constant with a literal value.
type constant struct{ where, name, kind, value, doc string }

// logLine is a call that logs.
type logLine struct {
	level, message, where string
	keys                  []string
}

// read reads every Go file below dir but tests and this package.
func read(dir string) (*source, error) {
	s := &source{types: map[string]*ast.TypeSpec{}, docs: map[string]string{}}
	files := token.NewFileSet()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "stepdoc" || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("read the steps' source: %w", err)
		}
		where, err := filepath.Rel(dir, filepath.Dir(path))
		s.file(file, filepath.ToSlash(where))
		return err
	})
	return s, err
}

func (s *source) file(file *ast.File, where string) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GenDecl:
			s.declaration(n, where)
		case *ast.CallExpr:
			s.call(n, where)
		}
		return true
	})
}

func (s *source) declaration(d *ast.GenDecl, where string) {
	kind := ""
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if where != contractPackage {
				continue
			}
			s.types[spec.Name.Name] = spec
			s.docs[spec.Name.Name] = firstOf(spec.Doc, d.Doc)
		case *ast.ValueSpec:
			if d.Tok != token.CONST || len(spec.Names) != 1 || len(spec.Values) != 1 {
				continue
			}
			if id, ok := spec.Type.(*ast.Ident); ok {
				kind = id.Name
			}
			doc := spec.Doc
			if doc == nil && !d.Lparen.IsValid() {
				doc = d.Doc
			}
			if value, ok := spec.Values[0].(*ast.BasicLit); ok {
				s.consts = append(s.consts, constant{where, spec.Names[0].Name, kind, literal(value), doc.Text()})
			}
		}
	}
}

// call takes note of a call of a logger.
func (s *source) call(c *ast.CallExpr, where string) {
	method, ok := c.Fun.(*ast.SelectorExpr)
	if !ok || len(c.Args) == 0 || !slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, method.Sel.Name) || !isLogger(method.X) {
		return
	}
	line := logLine{level: strings.ToUpper(method.Sel.Name), message: message(c.Args[0]), where: where}
	for i := 1; i < len(c.Args); i += 2 {
		if key, ok := c.Args[i].(*ast.BasicLit); ok {
			line.keys = append(line.keys, literal(key))
		}
	}
	s.logs = append(s.logs, line)
}

func isLogger(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "log"
	case *ast.SelectorExpr:
		return strings.EqualFold(e.Sel.Name, "log")
	}
	return false
}

// message is the text of a log line; what is known only when it runs is "…".
func message(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return literal(e)
	case *ast.BinaryExpr:
		return message(e.X) + message(e.Y)
	}
	return "…"
}

func literal(l *ast.BasicLit) string {
	if text, err := strconv.Unquote(l.Value); err == nil {
		return text
	}
	return l.Value
}

// field is a field of a struct as JSON has it.
type field struct{ name, kind, doc string }

// fields returns the fields of a struct type of the contract.
func (s *source) fields(name string) ([]field, error) {
	spec, ok := s.types[name]
	if !ok {
		return nil, fmt.Errorf("the contract has no type %s", name)
	}
	structure, ok := spec.Type.(*ast.StructType)
	if !ok {
		return nil, fmt.Errorf("the contract's %s is no struct", name)
	}
	var all []field
	for _, f := range structure.Fields.List {
		if f.Tag == nil || len(f.Names) != 1 {
			continue
		}
		key, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
		all = append(all, field{key, typeName(f.Type), sentence(f.Names[0].Name, f.Doc.Text())})
	}
	return all, nil
}

// typeName is a type in JSON's words.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.ArrayType:
		return "list of " + typeName(e.Elt)
	case *ast.SelectorExpr: // time.Time is the only one
		return "RFC 3339 time"
	case *ast.Ident:
		switch e.Name {
		case "int", "int64", "float64":
			return "number"
		case "bool", "string":
			return e.Name
		case "Result", "Totals", "Commit", "Promotion", "Pause":
			return fmt.Sprintf("[%s](#%s)", strings.ToLower(e.Name), strings.ToLower(e.Name))
		case "Refusal":
			return "[refusal](#refusals)"
		}
		return e.Name
	}
	return ""
}

// sentence is a comment without the name it begins with.
func sentence(name, doc string) string {
	doc = strings.Join(strings.Fields(doc), " ")
	for _, begin := range []string{": ", " means that ", " means ", " is ", " are ", " says ", " "} {
		if rest, ok := strings.CutPrefix(doc, name+begin); ok {
			return capital(rest)
		}
	}
	return doc
}

func firstOf(docs ...*ast.CommentGroup) string {
	for _, doc := range docs {
		if doc != nil {
			return doc.Text()
		}
	}
	return ""
}
