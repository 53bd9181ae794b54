package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/backube/scribe-gen/templates/local"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/at"
	"github.com/backube/scribe-gen/tree/filter"
	"github.com/backube/scribe-gen/tree/manifest"
)

// verifyDigest makes the manifest of a replica anew, reading every file, and
// compares its digest with that of the generation it was pulled from.
func verifyDigest(ctx context.Context, trees local.Trees) (*verification, error) {
	rules, err := readFilters(trees.Filters)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	found, err := digestOf(ctx, trees.Replica, rules)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	v := &verification{Identical: found.Digest == trees.Digest, Entries: found.Entries, Bytes: found.Bytes}
	if !v.Identical {
		v.Differences = 1
		err = fmt.Errorf("%s differs from its generation: its manifest has the digest %s instead of %s", trees.Replica, found.Digest, trees.Digest)
	}
	return v, err
}

// readFilters reads a file of filter rules; no file, no rules.
func readFilters(file string) (*filter.Filter, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return filter.Parse(f)
}

// digestOf makes the manifest of a tree without keeping it.
func digestOf(ctx context.Context, root string, rules *filter.Filter) (manifest.Summary, error) {
	w, err := manifest.NewWriter(io.Discard)
	if err != nil {
		return manifest.Summary{}, err
	}
	links := manifest.NewLinks()
	hashes := map[string]manifest.Hash{} // of files with several links, by their first name
	err = tree.Walker{SkipLostFound: true}.Visit(root, func(e tree.Entry, dir int, name string) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if rules.Matches(e.Path, e.IsDir()) {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		entry := manifest.Of(&e)
		first, again := links.First(&e)
		switch {
		case again:
			entry.Link, entry.Hash = first, hashes[first]
		case entry.IsRegular():
			if entry.Hash, err = hashFile(dir, name); err != nil {
				return err
			}
			if e.Linked() {
				hashes[e.Path] = entry.Hash
			}
		}
		return w.Write(&entry)
	})
	if err != nil {
		return manifest.Summary{}, err
	}
	return w.Close()
}

// hashFile hashes the file of that name in an open directory: its path may be longer
// than the kernel takes.
func hashFile(dir int, name string) (manifest.Hash, error) {
	fd, err := at.OpenFile(dir, name)
	if err != nil {
		return manifest.Hash{}, fmt.Errorf("open %q: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer func() { _ = f.Close() }()
	hash, _, err := manifest.HashOf(f)
	return hash, err
}
