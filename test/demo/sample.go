package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/sample"
)

const (
	// files is about how many files the sample volume has, changes how many
	// entries change between the runs.
	files   = 5000
	changes = 150
	// seed makes the volume and the changes the same each time.
	seed = 7
	// longestPath leaves room for the roots within PATH_MAX (4096 bytes), which is
	// as far as rsync goes.
	longestPath = 3000
)

// source is the volume that is replicated.
func (d *demo) source() string {
	return contract.Layout{Directory: filepath.Join(d.dir, primary)}.Volume(claim)
}

// makeSample makes a volume as programs leave it, and in it a directory with
// every kind of entry and attribute that a replica must keep.
func (d *demo) makeSample(context.Context) error {
	if err := sample.Volume(d.source(), files, seed); err != nil {
		return err
	}
	kinds := filepath.Join(d.source(), "every kind")
	if err := sample.Torture(kinds, sample.Options{MaxPath: longestPath, NoHuge: true}); err != nil {
		return err
	}
	return d.describe()
}

// describe tells what is in the source.
func (d *demo) describe() error {
	var entries, bytes int64
	err := tree.Walk(d.source(), func(e tree.Entry) error {
		entries++
		bytes += e.Size
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "%s entries, %s: files, directories, hard links, symbolic links, FIFOs, sockets, sparse files,\n"+
		"extended attributes, ACLs, odd names, times in nanoseconds\n", humanize.Comma(entries), size(bytes))
	return nil
}

// change changes the source as people and programs do.
func (d *demo) change(context.Context) error {
	done, err := sample.Mutate(d.source(), changes, sample.NewRand(seed))
	if err != nil {
		return err
	}
	const shown = 8
	for _, what := range done[:min(shown, len(done))] {
		fmt.Fprintln(d.out, " ", shorten(what))
	}
	if more := len(done) - shown; more > 0 {
		fmt.Fprintf(d.out, "  and %d more\n", more)
	}
	return nil
}

// shorten cuts a line to what a terminal shows.
func shorten(line string) string {
	const width = 96
	if letters := []rune(line); len(letters) > width {
		return string(letters[:width]) + "..."
	}
	return line
}
