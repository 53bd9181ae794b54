package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/renameio/v2"

	"github.com/backube/scribe-gen/generator/plan"
)

// Options say what to build, from what, and where to.
type Options struct {
	// Output is the file for the docker-archive, which docker, podman, skopeo and
	// containerd load; empty for none. It is replaced at once or not at all.
	Output string
	// Directory is where the root file system is written instead, one directory
	// for each layer ("debian", "steps"), for builds from a Containerfile; empty for
	// none. It must be absent or empty, and the process must be root for root to own
	// the files.
	Directory string
	// Reference is the name and tag of the image; default [plan.Image], which
	// bundles use unless the spec names another.
	Reference string
	// Root is the file system with Debian's packages; default "/". Another one, such
	// as an unpacked system, may be of another architecture: the image is of the
	// architecture of its rsync.
	Root string
	// Binaries is a directory with the step binaries (steps/scribe-steps and
	// steps/rclone); empty to build them.
	Binaries string
	// Source is a directory of the project's Go module, where the step binaries are
	// built and the licence is taken from; default the working directory.
	Source string
	// Created is the date in the image's configuration; default the epoch. The dates
	// of files are always the epoch, so that layers do not depend on it.
	Created time.Time
}

// Build collects the image's files and writes what o asks for. Errors name the
// missing file and the package to install.
func Build(ctx context.Context, o Options) (Report, error) {
	reference, err := name.NewTag(cmp.Or(o.Reference, plan.Image))
	if err != nil {
		return Report{}, fmt.Errorf("name the image: %w", err)
	}
	parts, arch, err := collect(ctx, o)
	if err != nil {
		return Report{}, err
	}
	img, err := assemble(parts, arch, o.Created)
	if err != nil {
		return Report{}, fmt.Errorf("assemble the image: %w", err)
	}
	if o.Directory != "" {
		for _, p := range parts {
			if err := p.files.write(filepath.Join(o.Directory, p.name)); err != nil {
				return Report{}, fmt.Errorf("write the root file system: %w", err)
			}
		}
	}
	report, err := describe(reference.String(), parts, arch, img)
	if err != nil {
		return Report{}, fmt.Errorf("measure the image: %w", err)
	}
	if o.Output != "" {
		if report.Bytes, err = save(o.Output, reference, img); err != nil {
			return Report{}, fmt.Errorf("write the image to %s: %w", o.Output, err)
		}
	}
	return report, nil
}

// part is what becomes a layer.
type part struct {
	// name is the directory of the layer in [Options.Directory]; created says in the
	// image's history what it is.
	name, created string
	files         tree
	packages      []Package
}

// collect finds the files of both layers.
func collect(ctx context.Context, o Options) ([]part, architecture, error) {
	debian, err := openSystem(cmp.Or(o.Root, "/"))
	if err != nil {
		return nil, architecture{}, err
	}
	base, arch, err := debian.layer()
	if err != nil {
		return nil, arch, err
	}
	source := module{dir: o.Source}
	steps, err := source.layer(ctx, o.Binaries, arch)
	if err != nil {
		return nil, arch, err
	}
	return []part{base, steps}, arch, nil
}

// save writes the docker-archive and returns its size in bytes.
func save(file string, reference name.Tag, img v1.Image) (size int64, err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return 0, err
	}
	f, err := renameio.NewPendingFile(file, renameio.WithPermissions(0o644))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Cleanup()) }()
	if err := tarball.Write(reference, img, f); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), f.CloseAtomicallyReplace()
}
