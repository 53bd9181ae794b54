package archive_test

import (
	"context"
	"debug/elf"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/image/archive"
	"github.com/backube/scribe-gen/tree"
)

// TestMain gives all tests one image to look at.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "scribe-image-test-")
	if err != nil {
		panic(err)
	}
	built = sync.OnceValues(func() (archive.Report, error) {
		return archive.Build(context.Background(), archive.Options{Output: filepath.Join(dir, "steps.tar")})
	})
	builtFile = filepath.Join(dir, "steps.tar")
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

var (
	built     func() (archive.Report, error)
	builtFile string
)

// image is the image as it is built without options, loaded from its file.
func image(t testing.TB) (archive.Report, v1.Image) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs rsync, and builds the steps")
	}
	report, err := built()
	require.NoError(t, err)
	return report, load(t, builtFile)
}

// load reads the image from its file, under the name that bundles use.
func load(t testing.TB, file string) v1.Image {
	t.Helper()
	tag, err := name.NewTag(plan.Image)
	require.NoError(t, err)
	img, err := tarball.ImageFromPath(file, &tag)
	require.NoError(t, err)
	return img
}

func TestImage(t *testing.T) {
	report, img := image(t)

	t.Run("is what the report says", func(t *testing.T) {
		require.NoError(t, validate.Image(img))
		digest, err := img.Digest()
		require.NoError(t, err)
		assert.Equal(t, digest.String(), report.Digest)
		assert.Equal(t, plan.Image, report.Reference)
		assert.Positive(t, report.Bytes)
		for _, l := range report.Layers {
			assert.Positive(t, l.Compressed, l.Name)
			assert.Less(t, l.Compressed, l.Uncompressed, l.Name)
		}
		var text strings.Builder
		require.NoError(t, report.WriteText(&text))
		assert.Contains(t, text.String(), "/usr/bin/rsync ")
	})

	t.Run("configuration", func(t *testing.T) {
		config, err := img.ConfigFile()
		require.NoError(t, err)
		assert.Equal(t, "65532:65532", config.Config.User, "a number, so that runAsNonRoot alone lets a pod start")
		assert.Empty(t, config.Config.Entrypoint)
		assert.Empty(t, config.Config.Cmd)
		assert.Equal(t, report.Architecture, config.Architecture)
		assert.Equal(t, plan.Version, config.Config.Labels["org.opencontainers.image.version"])
	})

	t.Run("has what bundles start", func(t *testing.T) {
		files := paths(report)
		bundles, err := filepath.Glob("../../examples/dr/*/*.yaml")
		require.NoError(t, err)
		started := 0
		for _, bundle := range bundles {
			text, err := os.ReadFile(bundle)
			require.NoError(t, err)
			for _, m := range regexp.MustCompile(`(?m)^ *- (/scribe/\S+)$`).FindAllStringSubmatch(string(text), -1) {
				started++
				assert.Contains(t, files, m[1])
			}
		}
		assert.Positive(t, started)
	})

	t.Run("has two step binaries, and links to the one that is all but rclone", func(t *testing.T) {
		var binaries []string
		for _, l := range report.Layers {
			for _, f := range l.Files {
				switch {
				case path.Dir(f.Path) != archive.Programs:
				case f.Mode.IsRegular():
					binaries = append(binaries, f.Path)
				default:
					assert.Equal(t, archive.Binary, f.Target, f.Path)
				}
			}
		}
		assert.ElementsMatch(t, []string{archive.Programs + "/" + archive.Binary, archive.Programs + "/rclone"}, binaries)
	})

	t.Run("every needed library is inside", func(t *testing.T) {
		root := t.TempDir()
		unpack(t, img, root)
		requireComplete(t, root)
	})

	t.Run("every package is documented", func(t *testing.T) {
		files := paths(report)
		var names []string
		for _, p := range report.Packages {
			names = append(names, p.Name)
			assert.Contains(t, files, "/usr/share/doc/"+p.Name+"/copyright")
			assert.Contains(t, files, "/var/lib/dpkg/status.d/"+p.Name)
			assert.NotEmpty(t, p.Version)
		}
		for _, l := range report.Layers {
			for _, f := range l.Files {
				owner, _, _ := strings.Cut(f.Package, ":")
				assert.True(t, owner == "" || slices.Contains(names, owner), f.Path)
			}
		}
		assert.Contains(t, names, "rsync")
		assert.Contains(t, names, "libc6")
	})
}

// paths are the files of the image.
func paths(r archive.Report) (found []string) {
	for _, l := range r.Layers {
		for _, f := range l.Files {
			found = append(found, f.Path)
		}
	}
	return found
}

// requireComplete looks for what each program and library below root says it
// needs, by the name alone.
func requireComplete(t *testing.T, root string) {
	t.Helper()
	inside, needed := map[string]bool{}, map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		inside[d.Name()] = true
		if !d.Type().IsRegular() {
			return nil
		}
		f, err := elf.Open(file)
		if err != nil {
			return nil // not a program
		}
		defer func() { _ = f.Close() }()
		libraries, err := f.ImportedLibraries()
		if err == nil {
			for _, library := range libraries {
				needed[library] = file
			}
		}
		return nil
	}))
	require.Contains(t, needed, "libc.so.6")
	for library, by := range needed {
		assert.True(t, inside[library], "%s, which %s needs", library, by)
	}
}

// The same sources and packages give the same image: from another build, whose
// root file system is written as well, and from the binaries in that.
func TestAnotherBuildIsTheSame(t *testing.T) {
	first, img := image(t)
	dir := filepath.Join(t.TempDir(), "root")
	o := archive.Options{Directory: dir, Output: filepath.Join(t.TempDir(), "new", "steps.tar")}
	second, err := archive.Build(t.Context(), o)
	require.NoError(t, err)
	assert.Equal(t, first, second)

	binaries := filepath.Join(dir, "steps", archive.Programs)
	_, err = archive.Build(t.Context(), archive.Options{Directory: dir, Binaries: binaries})
	assert.ErrorContains(t, err, "is not empty")
	third, err := archive.Build(t.Context(), archive.Options{Binaries: binaries})
	require.NoError(t, err)
	assert.Equal(t, first.Digest, third.Digest)

	want, both := t.TempDir(), t.TempDir()
	unpack(t, img, want)
	for _, layer := range []string{"debian", "steps"} {
		merge(t, filepath.Join(dir, layer), both)
	}
	assert.Equal(t, listing(t, want), listing(t, both))
}

// A date changes the image, but no layer.
func TestDateIsNotInLayers(t *testing.T) {
	first, _ := image(t)
	dated := archive.Options{Output: filepath.Join(t.TempDir(), "steps.tar"), Created: time.Unix(1_700_000_000, 0)}
	second, err := archive.Build(t.Context(), dated)
	require.NoError(t, err)
	assert.NotEqual(t, first.Digest, second.Digest)
	assert.Equal(t, first.Layers, second.Layers)
	config, err := load(t, dated.Output).ConfigFile()
	require.NoError(t, err)
	assert.True(t, config.Created.Equal(dated.Created))
}

// merge copies a tree over another, as COPY does.
func merge(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		name, err := filepath.Rel(from, file)
		require.NoError(t, err)
		if d.IsDir() {
			info, err := d.Info()
			require.NoError(t, err)
			require.NoError(t, os.MkdirAll(filepath.Join(to, name), 0o755))
			return os.Chmod(filepath.Join(to, name), info.Mode())
		}
		return os.Rename(file, filepath.Join(to, name))
	}))
}

// listing is what an archive keeps of each entry: mode, owner, size and target.
func listing(t *testing.T, root string) map[string]tree.Entry {
	t.Helper()
	found := map[string]tree.Entry{}
	require.NoError(t, tree.Walk(root, func(e tree.Entry) error {
		found[e.Path] = tree.Entry{Mode: e.Mode, UID: e.UID, GID: e.GID, Size: e.Size, Target: e.Target}
		return nil
	}))
	delete(found, ".")
	return found
}

// The Containerfile says the same of the image as its configuration does.
func TestContainerfileSaysTheSame(t *testing.T) {
	_, img := image(t)
	config, err := img.ConfigFile()
	require.NoError(t, err)
	containerfile, err := os.ReadFile("../Containerfile")
	require.NoError(t, err)
	for key, value := range config.Config.Labels {
		assert.Contains(t, string(containerfile), key+`="`+value+`"`)
	}
	assert.Contains(t, string(containerfile), "\nUSER "+config.Config.User+"\n")
	for _, variable := range config.Config.Env {
		assert.Contains(t, string(containerfile), "\nENV "+variable+"\n")
	}
}
