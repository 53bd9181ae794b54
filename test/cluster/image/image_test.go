package image_test

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/cluster/image"
)

func TestArchiveHoldsTheProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(program, []byte("#!"), 0o700))
	archive := filepath.Join(t.TempDir(), "image.tar")
	i := image.Image{Reference: "localhost/test/thing:v1", Files: map[string]string{"/usr/bin/thing": program},
		Entrypoint: []string{"/usr/bin/thing"}, User: "65532", Env: []string{"A=b"}}
	require.NoError(t, i.Write(archive))

	tag, err := name.NewTag("localhost/test/thing:v1")
	require.NoError(t, err)
	img, err := tarball.ImageFromPath(archive, &tag)
	require.NoError(t, err)
	c, err := img.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, "linux", c.OS)
	assert.Equal(t, []string{"PATH=/bin", "A=b"}, c.Config.Env)
	assert.Equal(t, "65532", c.Config.User)
	assert.Equal(t, []string{"/usr/bin/thing"}, c.Config.Entrypoint)

	modes := map[string]int64{}
	files := mutate.Extract(img)
	defer files.Close()
	for r := tar.NewReader(files); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		modes[h.Name] = h.Mode
	}
	assert.Equal(t, map[string]int64{"tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "usr/bin/thing": 0o755}, modes)
}

func TestMissingProgramIsNamed(t *testing.T) {
	i := image.Image{Reference: "localhost/x:1", Files: map[string]string{"/x": "/does/not/exist"}}
	assert.ErrorContains(t, i.Write(filepath.Join(t.TempDir(), "x.tar")), "/does/not/exist")
	i.Reference = "Not a reference"
	assert.ErrorContains(t, i.Write(filepath.Join(t.TempDir(), "x.tar")), "Not a reference")
}
