package catalog

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"text/template"

	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/templates/tekton"
)

// texts are what is written by hand: of each block what it is for and an example,
// and the objects that the example needs.
//
//go:embed texts
var texts embed.FS

// sampleFiles are the templates of files in the folder samples: those that all
// blocks have, and those of one block, in a folder of its name.
const sampleFiles = "texts/samples"

// samples returns the files of a package's folder samples.
func (e edition) samples(b *Block) (map[string][]byte, error) {
	files := map[string][]byte{}
	var err error
	if files["samples/run.yaml"], err = e.fill(b, "run-"+strings.ToLower(e.kind)+".yaml"); err != nil {
		return nil, err
	}
	if b.Mover() && !e.argo() {
		if files[unprivilegedRun], err = e.fill(b.restricted(), "run-taskrun.yaml"); err != nil {
			return nil, err
		}
	}
	own, err := fs.ReadDir(texts, path.Join(sampleFiles, b.Name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range own {
		if files["samples/"+f.Name()], err = e.fill(b, path.Join(b.Name, f.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// unprivilegedRun is a run of a mover without root: a Task cannot say the user of its
// pods.
const unprivilegedRun = "samples/run-without-root.yaml"

// fill executes the template of a sample.
func (e edition) fill(b *Block, name string) ([]byte, error) {
	t, err := template.New(path.Base(name)).Funcs(e.funcs(b)).
		ParseFS(texts, sampleFiles+"/parts.yaml", path.Join(sampleFiles, name))
	if err != nil {
		return nil, fmt.Errorf("sample %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, path.Base(name), e.page(b)); err != nil {
		return nil, fmt.Errorf("sample %s: %w", name, err)
	}
	return bytes.TrimLeft(out.Bytes(), "\n"), nil
}

// page is what templates see.
type page struct {
	*Block
	Edition       edition
	Version       string
	Image         string
	SourceClaim   string
	ReplicaClaim  string
	RecoveryPoint string
}

func (e edition) page(b *Block) page {
	return page{
		Block: b, Edition: e, Version: Version, Image: plan.Image, SourceClaim: sampleSource,
		ReplicaClaim: sampleReplica, RecoveryPoint: examplePoint,
	}
}

// PodTemplate is what a TaskRun of the block needs besides its Task, as YAML.
func (b *Block) PodTemplate() (string, error) {
	pod, err := tekton.BlockPod(&b.Step)
	if err != nil {
		return "", err
	}
	text, err := yaml.Marshal(pod)
	return string(text), err
}
