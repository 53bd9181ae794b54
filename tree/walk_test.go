package tree_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/treetest"
)

func TestWalkSeesWhatFindSees(t *testing.T) {
	root := t.TempDir() + "/tree"
	treetest.Make(t, root)
	out, err := exec.Command("find", root, "-printf", `%P\0%m\0%U\0%G\0%b\0%n\0%l\0%y\0`).Output()
	require.NoError(t, err)
	fields := strings.Split(string(out), "\x00")
	found := map[string][]string{}
	for ; len(fields) > 8; fields = fields[8:] {
		found[fields[0]] = fields[1:8]
	}
	seen := 0
	require.NoError(t, tree.Walk(root, func(e tree.Entry) error {
		seen++
		path := e.Path
		if path == "." {
			path = ""
		}
		got := []string{
			fmt.Sprintf("%o", e.Permissions()), fmt.Sprint(e.UID), fmt.Sprint(e.GID), fmt.Sprint(e.Blocks),
			fmt.Sprint(e.Links), e.Target, letter(e),
		}
		assert.Equal(t, found[path], got, "%q", e.Path)
		return nil
	}))
	assert.Len(t, found, seen)
}

func letter(e tree.Entry) string {
	return map[string]string{
		tree.TypeFile: "f", tree.TypeDir: "d", tree.TypeSymlink: "l", tree.TypeFIFO: "p", tree.TypeSocket: "s",
		tree.TypeChar: "c", tree.TypeBlock: "b",
	}[e.Type()]
}

func TestWalkOrder(t *testing.T) {
	root := t.TempDir()
	for _, path := range []string{"b", "a/z", "a!", "a/a", "a0/x", "B", "a-/y"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, path), 0o755))
	}
	var paths []string
	collect := func(e tree.Entry) error {
		paths = append(paths, e.Path)
		if e.Path == "a-" {
			return fs.SkipDir
		}
		return nil
	}
	require.NoError(t, tree.Walk(root, collect))
	assert.Equal(t, []string{".", "B", "a", "a/a", "a/z", "a!", "a-", "a0", "a0/x", "b"}, sortAsWalk(paths))
	assert.NotContains(t, paths, "a-/y")
}

// sortAsWalk checks that the entries of each directory are in bytewise order
// and returns them in the order of names, directory by directory.
func sortAsWalk(paths []string) []string {
	sorted := slices.Clone(paths)
	slices.SortFunc(sorted, func(a, b string) int {
		return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
	})
	if !slices.Equal(sorted, paths) {
		return paths
	}
	return sorted
}

func TestWalkStops(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(root+"/a", nil, 0o644))
	require.NoError(t, os.WriteFile(root+"/b", nil, 0o644))
	stop := errors.New("stop")
	calls := 0
	err := tree.Walk(root, func(tree.Entry) error { calls++; return stop })
	require.ErrorIs(t, err, stop)
	assert.Equal(t, 1, calls)
	assert.ErrorIs(t, tree.Walk(root+"/absent", nil), fs.ErrNotExist)
	assert.Error(t, tree.Walk(root+"/a", nil), "a file is no tree")
}

func TestWalkReportsVanishedEntries(t *testing.T) {
	fill := func() string {
		root := t.TempDir()
		for i := range 5 {
			require.NoError(t, os.MkdirAll(filepath.Join(root, "d"+strconv.Itoa(i)), 0o755))
		}
		return root
	}
	// The walk has listed the names by the time it comes to the first.
	takeAway := func(root string) tree.WalkFunc {
		return func(e tree.Entry) error {
			if e.Path == "d1" {
				_ = os.Remove(root + "/d1")
				_ = os.Remove(root + "/d3")
			}
			return nil
		}
	}
	root := fill()
	require.ErrorIs(t, tree.Walk(root, takeAway(root)), tree.ErrVanished)

	root = fill()
	var vanished []string
	w := tree.Walker{Vanished: func(path string) error {
		vanished = append(vanished, path)
		return nil
	}}
	require.NoError(t, w.Walk(root, takeAway(root)))
	assert.Equal(t, []string{"d1", "d3"}, vanished)
}

func TestWalkSkipsLostFoundOfTheRootOnly(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(root+"/lost+found", 0o700))
	require.NoError(t, os.MkdirAll(root+"/sub/lost+found", 0o700))
	for skip, want := range map[bool][]string{
		false: {".", "lost+found", "sub", "sub/lost+found"}, true: {".", "sub", "sub/lost+found"},
	} {
		var paths []string
		require.NoError(t, tree.Walker{SkipLostFound: skip}.Walk(root, func(e tree.Entry) error {
			paths = append(paths, e.Path)
			return nil
		}))
		assert.Equal(t, want, paths)
	}
}

func TestReadIsWhatWalkSees(t *testing.T) {
	root := t.TempDir() + "/tree"
	treetest.Make(t, root)
	longest := 0
	require.NoError(t, tree.Walk(root, func(e tree.Entry) error {
		longest = max(longest, len(e.Path))
		got, err := tree.Read(root, e.Path)
		assert.NoError(t, err)
		assert.Equal(t, e, got)
		return nil
	}))
	assert.Greater(t, longest, 4096, "paths longer than PATH_MAX must be among them")
	_, err := tree.Read(root, "absent")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestTravels(t *testing.T) {
	for name, want := range map[string]bool{
		"user.x": true, "security.capability": true, "trusted.x": true, "system.posix_acl_access": true, "system.posix_acl_default": true,
		"security.selinux": false, "system.nfs4_acl": false, "system.cifs_acl": false,
	} {
		assert.Equal(t, want, tree.Travels(name), name)
	}
}
