package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backube/scribe-gen/steps/contract"
)

const (
	// Programs is the directory of the step programs in the image. It is not on
	// PATH: the steps and Debian's program are both called rsync.
	Programs = "/scribe"
	// Binary is the name of the file in it that is all of them but rclone; each has a
	// symbolic link to it. What holds rclone's backends is larger than all others
	// together and a binary of its own, so that they start fast.
	Binary = "scribe-steps"
	// modulePath is that of this project.
	modulePath = "github.com/backube/scribe-gen"
	licence    = "usr/share/doc/scribe-gen/copyright"
)

// module is the project's source, found from one of its directories.
type module struct{ dir string }

// binaries are the names of the step binaries, which are those of their packages.
func binaries() []string { return []string{Binary, contract.ProgramRclone} }

// layer collects the step binaries, those in a directory or a build of this module,
// the links to them, and the project's licence.
func (m module) layer(ctx context.Context, dir string, arch architecture) (_ part, failed error) {
	root, err := m.goCommand(ctx, arch, "list", "-m", "-f", "{{.Dir}}", modulePath)
	if err != nil {
		return part{}, fmt.Errorf("find the source of %s: %w", modulePath, err)
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "scribe-image-"); err != nil {
			return part{}, fmt.Errorf("build the steps: %w", err)
		}
		defer func() { failed = errors.Join(failed, os.RemoveAll(dir)) }()
		if err := m.build(ctx, dir, arch); err != nil {
			return part{}, err
		}
	}
	t := tree{}
	for _, name := range binaries() {
		content, err := readBinary(filepath.Join(dir, name), arch)
		if err != nil {
			return part{}, err
		}
		t.add(path.Join(Programs, name), entry{mode: 0o755, content: content})
	}
	for _, program := range programs() {
		if !slices.Contains(binaries(), program) {
			t.add(path.Join(Programs, program), entry{mode: fs.ModeSymlink | 0o777, target: Binary})
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "LICENSE"))
	if err != nil {
		return part{}, fmt.Errorf("read the project's licence: %w", err)
	}
	t.text(licence, string(text))
	return part{name: "steps", created: "steps of scribe-gen", files: t}, nil
}

// programs are the names of the step programs.
func programs() (names []string) {
	for _, c := range contract.Commands() {
		names = append(names, c.Program())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// build compiles the step binaries: static, without paths of this machine, and
// without the state of a repository, so that the same source gives the same
// bytes.
func (m module) build(ctx context.Context, dir string, arch architecture) error {
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", dir + "/"}
	for _, name := range binaries() {
		args = append(args, modulePath+"/steps/"+name)
	}
	if _, err := m.goCommand(ctx, arch, args...); err != nil {
		return fmt.Errorf("build the steps: %w", err)
	}
	return nil
}

// goCommand runs the go command and returns what it prints.
func (m module) goCommand(ctx context.Context, arch architecture, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch.goarch)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, bytes.TrimSpace(problems.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// readBinary reads a step binary, which must be static and of the image's
// architecture: there is no library for it in the image.
func readBinary(file string, arch architecture) ([]byte, error) {
	o, err := readObject(file)
	if err != nil {
		return nil, fmt.Errorf("%w; CGO_ENABLED=0 go build ./steps/%s makes it", err, filepath.Base(file))
	}
	if o.machine != arch.machine {
		return nil, fmt.Errorf("%s is for %s, but the image is for %s: build it with GOARCH=%[3]s", file, o.machine, arch.goarch)
	}
	if o.loader != "" || len(o.needed) > 0 {
		return nil, fmt.Errorf("%s is not static: build it with CGO_ENABLED=0", file)
	}
	return os.ReadFile(file)
}
