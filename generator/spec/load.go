package spec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/backube/scribe-gen/steps/contract"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Load reads the replications at the paths: files, directories, and "-" for
// stdin, as [Parse] does. Of a directory it reads every *.yaml and *.yml below it
// but hidden files and directories, and passes over documents that are not ours; a
// directory without a replication is a problem. So are two replications that
// would give objects the same name. Files that cannot be read are problems too,
// so that one call reports everything.
func Load(paths []string, stdin io.Reader, changes ...Change) ([]Document, Problems) {
	l := loader{stdin: stdin, changes: changes, seen: map[string]bool{}}
	for _, path := range paths {
		l.load(path)
	}
	l.problems = append(l.problems, clashes(l.documents)...)
	return l.documents, l.problems
}

// loader gathers what paths hold.
type loader struct {
	stdin   io.Reader
	changes []Change
	// seen are the files that were read: a file may be named and be in a
	// directory that is named.
	seen      map[string]bool
	documents []Document
	problems  Problems
}

func (l *loader) load(path string) {
	if path == Stdin {
		if l.seen[Stdin] {
			return
		}
		l.seen[Stdin] = true
		data, err := io.ReadAll(l.stdin)
		l.add(path, data, err, false)
		return
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		l.add(path, nil, err, false)
	case info.IsDir():
		l.loadDirectory(path)
	default:
		l.loadFile(path, false)
	}
}

func (l *loader) loadFile(path string, skipOthers bool) {
	if l.seen[filepath.Clean(path)] {
		return
	}
	l.seen[filepath.Clean(path)] = true
	data, err := os.ReadFile(path)
	l.add(path, data, err, skipOthers)
}

func (l *loader) loadDirectory(root string) {
	documents, problems := len(l.documents), len(l.problems)
	var again bool
	// The separator makes it enter a directory that is named by a symbolic link.
	err := filepath.WalkDir(root+string(filepath.Separator), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			l.add(path, nil, err, true)
			return fs.SkipDir
		case entry.IsDir() && filepath.Clean(path) != filepath.Clean(root) && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case !entry.IsDir() && isSpecFile(path):
			again = again || l.seen[filepath.Clean(path)]
			l.loadFile(path, true)
		}
		return nil
	})
	if err != nil {
		l.add(root, nil, err, false)
	}
	if documents == len(l.documents) && problems == len(l.problems) && !again {
		l.problems = append(l.problems, Problem{File: root, Detail: "no " + Kind + " in any *.yaml or *.yml of the directory"})
	}
}

// isSpecFile reports whether a file of a directory may hold specs. Symbolic
// links to files count: a mounted ConfigMap consists of them.
func isSpecFile(path string) bool {
	ext, name := filepath.Ext(path), filepath.Base(path)
	if ext != ".yaml" && ext != ".yml" || strings.HasPrefix(name, ".") {
		return false
	}
	info, err := os.Stat(path)
	return err != nil || info.Mode().IsRegular()
}

func (l *loader) add(file string, data []byte, err error, skipOthers bool) {
	if err != nil {
		detail := err.Error()
		if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
			detail = pathErr.Err.Error()
		}
		l.problems = append(l.problems, Problem{File: file, Detail: "cannot be read: " + detail})
		return
	}
	documents, problems := parse(file, data, skipOthers, l.changes)
	l.documents = append(l.documents, documents...)
	l.problems = append(l.problems, problems...)
}

// clashes reports replications that have the same name, or a relationship of the
// same name: their objects would overwrite each other.
func clashes(documents []Document) Problems {
	var problems Problems
	names, relationships := map[string]Document{}, map[string]Document{}
	report := func(d, other Document, p *field.Path, value, what string) {
		detail := fmt.Sprintf("%s is also that of replication %s in %s", what, other.Replication.Metadata.Name, other.File)
		problems = append(problems, d.problem(d.fields["metadata"], field.Invalid(p, value, detail)))
	}
	for _, d := range documents {
		name := d.Replication.Metadata.Name
		if other, ok := names[name]; ok {
			report(d, other, field.NewPath("metadata", "name"), name, "the name")
			continue
		}
		names[name] = d
		for i, destination := range d.Replication.Spec.Destinations {
			relationship := contract.RelationshipName(name, destination.Site)
			if other, ok := relationships[relationship]; ok {
				p := field.NewPath("spec", "destinations").Index(i).Child("site")
				report(d, other, p, destination.Site, "the relationship's name "+relationship)
				continue
			}
			relationships[relationship] = d
		}
	}
	return problems
}

// SiteNames returns the names of the sites, sorted.
func (r *Replication) SiteNames() []string {
	return slices.Sorted(maps.Keys(r.Spec.Sites))
}
