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

// buildFlags are those of every build. Without -buildvcs=false a binary would
// change with each commit, and the build would fail in a checkout that belongs
// to another user.
func buildFlags() []string {
	return []string{"-trimpath", "-buildvcs=false"}
}

// compile builds r's programs below work and returns their directory.
func compile(ctx context.Context, m nested, r recipe, work string) (string, error) {
	args := append([]string{"build"}, buildFlags()...)
	if r.patch.module != "" {
		modfile, err := r.patch.apply(ctx, m, work)
		if err != nil {
			return "", err
		}
		args = append(args, "-modfile="+modfile)
	}
	ldflags, err := linkFlags(ctx, m, r)
	if err != nil {
		return "", err
	}
	bin := filepath.Join(work, "bin")
	// With the slash go build takes bin for a directory, also for one program.
	args = append(args, "-ldflags="+ldflags, "-o", bin+string(filepath.Separator))
	if _, err := m.run(ctx, append(args, r.packages...)...); err != nil {
		return "", err
	}
	if err := link(bin, r); err != nil {
		return "", err
	}
	return bin, nil
}

// linkFlags drops symbol tables, which nobody debugs here and which are a
// third of each binary, and stamps the version.
func linkFlags(ctx context.Context, m nested, r recipe) (string, error) {
	flags := []string{"-s", "-w"}
	if len(r.stamps) == 0 {
		return strings.Join(flags, " "), nil
	}
	stampedBy, err := m.download(ctx, r.stampedBy)
	if err != nil {
		return "", err
	}
	for _, stamp := range r.stamps {
		flags = append(flags, "-X", strings.ReplaceAll(stamp, "%s", stampedBy.Version))
	}
	return strings.Join(flags, " "), nil
}

// link gives the binaries the names of the component's programs and checks
// that every program is there.
func link(bin string, r recipe) error {
	for _, name := range r.binaries {
		path := filepath.Join(bin, name)
		var err error
		switch {
		case r.multicall != "":
			err = os.Symlink(r.multicall, path)
		case r.prefix != "":
			err = os.Rename(filepath.Join(bin, strings.TrimPrefix(name, r.prefix)), path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if !exists(path) {
			return fmt.Errorf("go build of %q made no program %s: the recipe and the nested module disagree", r.packages, name)
		}
	}
	return nil
}
