// Package image makes container images without a registry: a file system of a
// few static programs in one layer, as an archive that a container runtime
// imports.
package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image is what an archive holds.
type Image struct {
	// Reference is the name under which pods ask for the image.
	Reference string
	// Files maps an absolute path in the image to the program of this host that
	// it is a copy of, mode 0755.
	Files map[string]string
	// Entrypoint, User and Env are the image's defaults; all may be empty. PATH
	// is always /bin.
	Entrypoint []string
	User       string
	Env        []string
}

// Write writes the image as a docker archive, without compression, since it is
// read once and on the same machine.
func (i Image) Write(archive string) error {
	tag, err := name.NewTag(i.Reference)
	if err != nil {
		return fmt.Errorf("image %s: %w", i.Reference, err)
	}
	content, err := i.layer()
	if err != nil {
		return fmt.Errorf("image %s: %w", i.Reference, err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}, tarball.WithCompressionLevel(gzip.NoCompression))
	if err != nil {
		return fmt.Errorf("image %s: %w", i.Reference, err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err == nil {
		img, err = mutate.ConfigFile(img, i.config(img))
	}
	if err == nil {
		err = tarball.WriteToFile(archive, tag, img)
	}
	if err != nil {
		return fmt.Errorf("write image %s to %s: %w", i.Reference, archive, err)
	}
	return nil
}

// config completes the configuration that the layer gave the image.
func (i Image) config(img v1.Image) *v1.ConfigFile {
	c, err := img.ConfigFile()
	if err != nil {
		c = &v1.ConfigFile{}
	}
	c = c.DeepCopy()
	c.OS, c.Architecture = "linux", runtime.GOARCH
	c.Config.Entrypoint, c.Config.User = i.Entrypoint, i.User
	c.Config.Env = append([]string{"PATH=/bin"}, i.Env...)
	return c
}

// layer returns the file system as a tar archive: the files, the directories
// that they are in, and a /tmp.
func (i Image) layer() ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	made := map[string]bool{}
	directory := func(dir string, mode int64) error {
		if made[dir] {
			return nil
		}
		made[dir] = true
		return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: mode})
	}
	if err := directory("tmp", 0o1777); err != nil {
		return nil, err
	}
	for to, from := range i.Files {
		to = strings.TrimPrefix(path.Clean(to), "/")
		for n, c := range to {
			if c == '/' {
				if err := directory(to[:n], 0o755); err != nil {
					return nil, err
				}
			}
		}
		if err := add(w, to, from); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}

func add(w *tar.Writer, to, from string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: to, Mode: 0o755, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}
