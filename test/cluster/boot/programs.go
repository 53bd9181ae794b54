package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/test/cluster/build"
	"github.com/backube/scribe-gen/test/cluster/image"
)

// References of the images that every cluster has.
const (
	pauseImage    = "localhost/scribe-test/pause:1"
	executorImage = "localhost/scribe-test/argoexec:v3.7.12"
	tektonImage   = "localhost/scribe-test/tekton:v1.10.0"
)

// builds are the components that a cluster's programs are of.
func builds(controlPlane bool) []build.Component {
	if controlPlane {
		return []build.Component{build.Etcd, build.Kubernetes, build.Tekton}
	}
	return build.All()
}

// ensureBuilds builds what is not in the cache, and returns the directory of each
// component.
func ensureBuilds(ctx context.Context, b *build.Builder, controlPlane bool) (map[string]string, error) {
	dirs := map[string]string{}
	for _, c := range builds(controlPlane) {
		dir, err := b.Ensure(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("build component %s: %w", c, err)
		}
		dirs[string(c)] = dir
	}
	return dirs, nil
}

// takePrograms gives the cluster links of its own to its programs, so that a
// newer build, or an emptied cache, does not take them away from it.
func takePrograms(l layout, dirs map[string]string) error {
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := take(filepath.Join(dir, e.Name()), l.binary(e.Name())); err != nil {
				return fmt.Errorf("take program %s: %w", e.Name(), err)
			}
		}
	}
	return nil
}

// take makes to what from is: the same symbolic link, a hard link to the same
// file, or a copy on another file system.
func take(from, to string) error {
	if target, err := os.Readlink(from); err == nil {
		return os.Symlink(filepath.Base(target), to)
	}
	info, err := os.Stat(from)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	if err := os.Link(from, to); err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	} else if !errors.Is(err, unix.EXDEV) {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// writeImages writes the archives of the images that every cluster has.
func writeImages(ctx context.Context, l layout) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", l.binary("pause"),
		"github.com/backube/scribe-gen/test/cluster/pause")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the program of pod sandboxes: %w\n%s", err, last(string(out), 10))
	}
	images := map[string]image.Image{
		"pause.tar": {Reference: pauseImage, Files: map[string]string{"/pause": l.binary("pause")},
			Entrypoint: []string{"/pause"}, User: "65535:65535"},
		"argoexec.tar": {Reference: executorImage, Files: map[string]string{"/bin/argoexec": l.binary("argoexec")},
			Entrypoint: []string{"argoexec"}},
		"tekton.tar": {Reference: tektonImage, Files: map[string]string{
			"/ko-app/entrypoint": l.binary("tekton-entrypoint"), "/ko-app/nop": l.binary("tekton-nop"),
			"/ko-app/workingdirinit": l.binary("tekton-workingdirinit")},
			// Tekton's containers say that they are not root, but not who they are.
			Entrypoint: []string{"/ko-app/nop"}, User: "65532:65532"},
	}
	var archives []string
	for file, i := range images {
		archive := l.path("images", file)
		if err := i.Write(archive); err != nil {
			return nil, err
		}
		archives = append(archives, archive)
	}
	slices.Sort(archives)
	return archives, nil
}
