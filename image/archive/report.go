package archive

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Report is what an image holds and how large it is. Sizes are in bytes.
type Report struct {
	// Reference is the image's name and tag, Digest the digest of its manifest, by
	// which a registry knows it.
	Reference string
	Digest    string
	// Architecture is that of its programs, as Go names it.
	Architecture string
	Layers       []Layer
	// Packages are the Debian packages with a file in the image, by name.
	Packages []Package
	// Bytes is the size of the archive; 0 when none was written.
	Bytes int64
}

// Layer is one layer of an image.
type Layer struct {
	// Name is "debian" or "steps".
	Name string
	// Digest is that of the compressed layer, DiffID that of the uncompressed one,
	// which does not depend on the compressor.
	Digest, DiffID string
	// Compressed is what is pulled, Uncompressed the layer's archive.
	Compressed, Uncompressed int64
	// Files are its files and symbolic links, sorted by path.
	Files []File
}

// File is one file or symbolic link of an image.
type File struct {
	// Path is absolute.
	Path string
	Size int64
	Mode fs.FileMode
	// Target is that of a symbolic link.
	Target string
	// Package is the Debian package it comes from; empty for others.
	Package string
}

// Package is a Debian package.
type Package struct{ Name, Version string }

func describe(reference string, parts []part, arch architecture, img v1.Image) (Report, error) {
	digest, err := img.Digest()
	if err != nil {
		return Report{}, err
	}
	r := Report{Reference: reference, Digest: digest.String(), Architecture: arch.goarch}
	layers, err := img.Layers()
	if err != nil {
		return Report{}, err
	}
	for i, p := range parts {
		layer, err := measure(p, layers[i])
		if err != nil {
			return Report{}, err
		}
		r.Layers = append(r.Layers, layer)
		r.Packages = append(r.Packages, p.packages...)
	}
	return r, nil
}

func measure(p part, layer v1.Layer) (Layer, error) {
	digest, err := layer.Digest()
	if err != nil {
		return Layer{}, err
	}
	diffID, err := layer.DiffID()
	if err != nil {
		return Layer{}, err
	}
	size, err := layer.Size()
	if err != nil {
		return Layer{}, err
	}
	plain, err := layer.Uncompressed()
	if err != nil {
		return Layer{}, err
	}
	uncompressed, err := io.Copy(io.Discard, plain)
	if err != nil {
		return Layer{}, err
	}
	l := Layer{Name: p.name, Digest: digest.String(), DiffID: diffID.String(), Compressed: size, Uncompressed: uncompressed}
	for _, name := range p.files.paths() {
		if e := p.files[name]; !e.mode.IsDir() {
			l.Files = append(l.Files, File{Path: "/" + name, Size: int64(len(e.content)), Mode: e.mode, Target: e.target, Package: e.origin})
		}
	}
	return l, plain.Close()
}

// WriteText prints the report as tables: the files of each layer with their
// sizes, the packages, and the totals.
func (r Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	var compressed, uncompressed int64
	for _, l := range r.Layers {
		fmt.Fprintf(t, "LAYER %s\tSIZE\tPACKAGE\n", l.Name)
		for _, f := range l.Files {
			if f.Target != "" {
				fmt.Fprintf(t, "%s -> %s\t\t%s\n", f.Path, f.Target, f.Package)
				continue
			}
			fmt.Fprintf(t, "%s\t%d\t%s\n", f.Path, f.Size, f.Package)
		}
		fmt.Fprintf(t, "\t\t\n")
		compressed, uncompressed = compressed+l.Compressed, uncompressed+l.Uncompressed
	}
	fmt.Fprintf(t, "PACKAGE\tVERSION\n")
	for _, p := range r.Packages {
		fmt.Fprintf(t, "%s\t%s\n", p.Name, p.Version)
	}
	fmt.Fprintf(t, "\t\nLAYER\tCOMPRESSED\tUNCOMPRESSED\tDIFF ID\n")
	for _, l := range r.Layers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", l.Name, size(l.Compressed), size(l.Uncompressed), l.DiffID)
	}
	fmt.Fprintf(t, "total\t%s\t%s\n", size(compressed), size(uncompressed))
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}

func size(bytes int64) string { return humanize.IBytes(uint64(bytes)) }
