// Package treetest gives tests the trees of package sample and a comparison that
// fails them.
package treetest

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/sample"
)

// Option leaves something out of a torture tree.
type Option func(*sample.Options)

// Unprivileged leaves out what takes root to make or to copy.
func Unprivileged() Option { return func(o *sample.Options) { o.Unprivileged = true } }

// NoXattrs leaves out extended attributes and ACLs.
func NoXattrs() Option { return func(o *sample.Options) { o.NoXattrs = true } }

// NoHuge leaves out the sparse file of more than 4 GiB.
func NoHuge() Option { return func(o *sample.Options) { o.NoHuge = true } }

// MaxPath limits the length of paths, relative to the root. Programs that pass
// whole paths to the kernel, such as rsync and cp, need less than 4096 bytes
// with the root's.
func MaxPath(bytes int) Option { return func(o *sample.Options) { o.MaxPath = bytes } }

// Make makes a tree at root that holds everything a replica must keep, as far as
// this user may make it.
func Make(t testing.TB, root string, options ...Option) {
	t.Helper()
	var opts sample.Options
	for _, option := range options {
		option(&opts)
	}
	require.NoError(t, sample.Torture(root, opts))
}

// Mutate makes a few dozen changes to the tree at root and logs them.
func Mutate(t testing.TB, root string, rng *rand.Rand) {
	t.Helper()
	changes, err := sample.Mutate(root, 40+rng.IntN(40), rng)
	for _, change := range changes {
		t.Logf("%q", change)
	}
	require.NoError(t, err)
}

// Equal fails the test unless the tree b is like the tree a in everything.
func Equal(t testing.TB, a, b string, opts tree.Options) {
	t.Helper()
	report, err := tree.Compare(a, b, opts)
	require.NoError(t, err)
	require.True(t, report.Equal(), "%s", report)
}
