package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A patch changes a module before it is built. The build uses a changed copy
// of the module's directory through a go.mod of its own, because go build
// refuses overlays over files of the module cache.
type patch struct {
	module  string // path of the module; empty for no patch
	edits   []edit
	overlay string // directory of the nested module with files to add
}

// An edit replaces the one occurrence of Old in File.
type edit struct{ File, Old, New string }

// apply puts a changed copy of the module into work and returns the go.mod
// there that uses it.
func (p patch) apply(ctx context.Context, m nested, work string) (modfile string, err error) {
	original, err := m.download(ctx, p.module)
	if err != nil {
		return "", err
	}
	copied := filepath.Join(work, "patched")
	if err := os.CopyFS(copied, os.DirFS(original.Dir)); err != nil {
		return "", fmt.Errorf("copy module %s: %w", p.module, err)
	}
	for _, e := range p.edits {
		if err := e.apply(copied); err != nil {
			return "", fmt.Errorf("patch %s %s: %w", p.module, original.Version, err)
		}
	}
	if p.overlay != "" {
		if err := overlay(copied, filepath.Join(m.dir, p.overlay)); err != nil {
			return "", fmt.Errorf("add files to %s %s: %w", p.module, original.Version, err)
		}
	}
	return p.replace(ctx, m, work, copied)
}

// replace writes a copy of the nested module's go.mod and go.sum into work,
// with dir in the place of the patched module. The committed go.mod stays free
// of paths of one machine.
func (p patch) replace(ctx context.Context, m nested, work, dir string) (string, error) {
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(m.dir, name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(work, name), content, 0o644); err != nil {
			return "", err
		}
	}
	modfile := filepath.Join(work, "go.mod")
	_, err := m.run(ctx, "mod", "edit", "-replace="+p.module+"="+dir, modfile)
	return modfile, err
}

// apply fails unless Old occurs exactly once: a patch that no longer fits a
// new version must not be left out in silence.
func (e edit) apply(dir string) error {
	path := filepath.Join(dir, e.File)
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := strings.Count(string(content), e.Old); n != 1 {
		return fmt.Errorf("%s holds %q %d times instead of once: adapt the patch to this version",
			e.File, e.Old, n)
	}
	return os.WriteFile(path, []byte(strings.Replace(string(content), e.Old, e.New, 1)), 0o644)
}

// overlay copies the files of src to the same places in dst. It fails when one
// is there already, since the module then no longer needs it.
func overlay(dst, src string) error {
	err := os.CopyFS(dst, os.DirFS(src))
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: the module has this file now, remove ours", err)
	}
	return err
}
