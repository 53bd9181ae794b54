// Package build makes the programs that a test cluster runs from Go modules,
// once per content.
//
// Each component is a nested module with requirements of its own, since
// Kubernetes, Argo and the CSI sidecars do not agree on one version of the
// client libraries. What a build yields is kept in a cache below a key made of
// the nested module's files, the recipe and the version of Go:
//
//	<cache>/<component>/lock        held while an entry is looked up or built
//	<cache>/<component>/<key>/      the component's programs
//	<cache>/<component>/.work-*     an unfinished build
//
// An entry appears by a rename once it is complete, so a killed build leaves
// nothing but a directory that the next one removes.
package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Builder builds components and finds them in its cache. Any number of
// builders, also of several processes, may share a cache.
type Builder struct {
	// Cache is the directory that holds what was built. It is created when
	// missing and may be removed at any time that no cluster runs.
	Cache string
	// Components is the directory of the nested modules.
	Components string
	// Log receives a line per component: what is built, how long it took.
	Log *slog.Logger
}

// New returns a Builder with the cache $SCRIBE_CLUSTER_CACHE, by default
// scribe-gen/cluster in the user's cache directory, and with the nested modules
// of the checkout that holds the working directory. It fails outside of a
// checkout, and when neither the variable nor a home directory is set.
func New(log *slog.Logger) (*Builder, error) {
	cache, err := defaultCache()
	if err != nil {
		return nil, err
	}
	components, err := findComponents()
	if err != nil {
		return nil, err
	}
	return &Builder{Cache: cache, Components: components, Log: log}, nil
}

func defaultCache() (string, error) {
	if dir := os.Getenv("SCRIBE_CLUSTER_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the build cache: %w: set SCRIBE_CLUSTER_CACHE to a directory", err)
	}
	return filepath.Join(dir, "scribe-gen", "cluster"), nil
}

// findComponents walks up from the working directory to the module that holds
// the nested ones.
func findComponents() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the nested modules: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		components := filepath.Join(dir, "test", "cluster", "components")
		if isDir(components) && exists(filepath.Join(dir, "go.mod")) {
			return components, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no checkout of scribe-gen holds %s: run this below one", start)
		}
	}
}

// Ensure returns the absolute directory of the component's programs, named as
// in Component.Binaries, and builds them first unless the cache has them.
//
// A cold build takes minutes and needs the Go module proxy. When another
// process builds the same component, Ensure waits for it and takes its result.
// The error of a failed build holds the compiler's output. When ctx ends, the
// build is interrupted and nothing is published.
func (b *Builder) Ensure(ctx context.Context, component Component) (dir string, err error) {
	r, err := recipeOf(component)
	if err != nil {
		return "", err
	}
	dir, err = b.ensure(ctx, component, r)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", component, err)
	}
	return dir, nil
}

// Module returns the directory of the source of a module in the version that
// component resolves, for files that belong to its programs such as custom
// resource definitions. It is part of the module cache, thus read-only. It
// fails when component does not require modulePath.
func (b *Builder) Module(ctx context.Context, component Component, modulePath string) (dir string, err error) {
	found, err := b.nested(component).download(ctx, modulePath)
	return found.Dir, err
}

func (b *Builder) nested(component Component) nested {
	return nested{filepath.Join(b.Components, string(component))}
}

func (b *Builder) ensure(ctx context.Context, component Component, r recipe) (string, error) {
	log := b.Log.With("component", component)
	m := b.nested(component)
	key, err := m.key(ctx, r)
	if err != nil {
		return "", err
	}
	s, err := openShelf(ctx, filepath.Join(b.Cache, string(component)), log)
	if err != nil {
		return "", err
	}
	defer s.close()
	if dir, ok := s.find(key, r.binaries); ok {
		log.Info("cached", "dir", dir)
		return dir, nil
	}
	log.Info("building", "programs", strings.Join(r.binaries, " "))
	started := time.Now()
	dir, err := s.publish(key, func(work string) (string, error) {
		return compile(ctx, m, r, work)
	})
	if err != nil {
		return "", err
	}
	log.Info("built", "took", time.Since(started).Round(100*time.Millisecond), "dir", dir)
	return dir, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
