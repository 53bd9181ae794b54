package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// nested is the nested module of a component.
type nested struct{ dir string }

// environment makes the go command independent of the caller's settings for
// builds, so that equal keys mean equal binaries. Programs run on this machine,
// hence its platform; they run in images without a C library, hence no cgo.
func environment() []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly",
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
}

// run executes the go command in the nested module and returns its standard
// output. The error holds what it wrote.
func (m nested) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = m.dir, environment()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// An interrupted go command removes its temporary files, a killed one
	// leaves hundreds of megabytes.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("go %s in %s: %w\n%s%s",
			strings.Join(args, " "), m.dir, err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.Bytes(), nil
}

// A module is one that the nested module requires, in the module cache.
type module struct{ Version, Dir, Error string }

// download returns the module at path in the version that the nested module
// resolves, after loading it into the module cache.
func (m nested) download(ctx context.Context, path string) (module, error) {
	out, err := m.run(ctx, "mod", "download", "-json", path)
	if err != nil {
		return module{}, fmt.Errorf("download module %s: %w", path, err)
	}
	var found module
	if err := json.Unmarshal(out, &found); err != nil {
		return module{}, fmt.Errorf("download module %s: read the answer of go mod download: %w", path, err)
	}
	if found.Error != "" || found.Dir == "" {
		return module{}, fmt.Errorf("download module %s for %s: no directory: %s", path, m.dir, found.Error)
	}
	return found, nil
}

// key identifies what a build of the nested module by r yields.
func (m nested) key(ctx context.Context, r recipe) (string, error) {
	toolchain, err := m.run(ctx, "env", "GOVERSION", "GOOS", "GOARCH")
	if err != nil {
		return "", err
	}
	if err := m.refuseDirectories(ctx); err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%q\n%#v\n", toolchain, buildFlags(), r)
	if err := m.hash(h); err != nil {
		return "", fmt.Errorf("hash %s: %w", m.dir, err)
	}
	return hex.EncodeToString(h.Sum(nil)[:10]), nil
}

// hash writes name and content of each file that a build may read into w, in
// the order of names. Tests and hidden files do not enter a binary.
func (m nested) hash(w io.Writer) error {
	return filepath.WalkDir(m.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if strings.HasPrefix(entry.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		if !entersBuild(entry) {
			return nil
		}
		name, err := filepath.Rel(m.dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%q %x\n", name, sha256.Sum256(content))
		return err
	})
}

func entersBuild(file fs.DirEntry) bool {
	name := file.Name()
	return file.Type().IsRegular() && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "_test.go")
}

// refuseDirectories fails when go.mod replaces a module by a directory: the
// key would not change with that directory's files.
func (m nested) refuseDirectories(ctx context.Context) error {
	out, err := m.run(ctx, "mod", "edit", "-json")
	if err != nil {
		return err
	}
	var file struct {
		Replace []struct {
			Old, New struct{ Path, Version string }
		}
	}
	if err := json.Unmarshal(out, &file); err != nil {
		return fmt.Errorf("read go.mod of %s: %w", m.dir, err)
	}
	for _, r := range file.Replace {
		if r.New.Version == "" {
			return fmt.Errorf("go.mod of %s replaces %s by the directory %s: the build cache would miss changes there, require a version",
				m.dir, r.Old.Path, r.New.Path)
		}
	}
	return nil
}
