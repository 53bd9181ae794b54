package archive

import (
	"bytes"
	"compress/gzip"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/backube/scribe-gen/generator/plan"
)

// labels are the image's, by the keys of the OCI image specification.
func labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "scribe-gen steps",
		"org.opencontainers.image.description": "Steps of pipelines that replicate volumes: snapshot, rsync, rclone, promote, tekton",
		"org.opencontainers.image.source":      "https://" + modulePath,
		"org.opencontainers.image.version":     plan.Version,
		// Of the steps, and of the packages as their copyright notices say.
		"org.opencontainers.image.licenses": "Apache-2.0 AND GPL-3.0-or-later AND LGPL-2.1-or-later AND BSD-2-Clause AND BSD-3-Clause AND MIT AND Zlib",
	}
}

// assemble makes the image of the layers. It has no entry point and no command:
// whoever starts a step names its program.
func assemble(parts []part, arch architecture, created time.Time) (v1.Image, error) {
	if created.IsZero() {
		created = epoch
	}
	at := v1.Time{Time: created.UTC()}
	var layers []mutate.Addendum
	for _, p := range parts {
		layer, err := p.files.layer()
		if err != nil {
			return nil, err
		}
		layers = append(layers, mutate.Addendum{Layer: layer, History: v1.History{Created: at, CreatedBy: p.created}})
	}
	img, err := mutate.Append(empty.Image, layers...)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Created, config.OS, config.Architecture = at, "linux", arch.goarch
	config.Config = v1.Config{
		User:       user + ":" + user,
		Env:        []string{"PATH=" + searchPath},
		WorkingDir: "/",
		Labels:     labels(),
	}
	return mutate.ConfigFile(img, config)
}

// layer is the tree as a layer, compressed once: nodes pull it more often than
// it is built.
func (t tree) layer() (v1.Layer, error) {
	data, err := t.tar()
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	return tarball.LayerFromOpener(open, tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithCompressedCaching)
}
