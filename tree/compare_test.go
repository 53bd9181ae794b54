package tree_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/treetest"
)

// twins makes two torture trees that are the same.
func twins(t *testing.T) (a, b string) {
	dir := t.TempDir()
	a, b = filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, root := range []string{a, b} {
		treetest.Make(t, root, treetest.MaxPath(3000), treetest.NoHuge())
	}
	return a, b
}

// rsyncSays is what rsync would change to make b like a, by checksums.
func rsyncSays(t *testing.T, a, b string) string {
	_, err := exec.LookPath("rsync")
	require.NoError(t, err, "this test needs the Debian package rsync")
	out, err := exec.Command("rsync", "-naAXHSci", "--specials", "--devices", "--numeric-ids", "--delete", "--modify-window=-1", a+"/", b+"/").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestCompareEqualTrees(t *testing.T) {
	a, b := twins(t)
	report, err := tree.Compare(a, b, tree.Options{})
	require.NoError(t, err)
	assert.True(t, report.Equal(), "%s", report)
	assert.Greater(t, report.Entries, int64(300))
	assert.Greater(t, report.Bytes, int64(4<<20))
	assert.Regexp(t, `^identical: \d+ entries, [\d.]+ MiB of content compared$`, report.String())
	assert.Empty(t, rsyncSays(t, a, b))
}

// Each change of one attribute is found, is called by its name, and is the only
// difference; rsync finds it too where it can.
func TestCompareFindsEachChange(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test changes owners and makes device nodes: run it as root")
	}
	a, b := twins(t)
	before := func(path string) time.Time {
		e, err := tree.Read(b, path)
		require.NoError(t, err)
		return e.Modified()
	}
	in := func(path string) string { return filepath.Join(b, path) }
	tests := map[string]struct {
		path string
		do   func() error
		what string
		// blind is set where rsync sees no difference.
		blind bool
	}{
		"content":            {"content/3MiB", func() error { return overwrite(in("content/3MiB"), 3<<20, "changed") }, "content", false},
		"first byte":         {"content/one byte", func() error { return overwrite(in("content/one byte"), 0, "y") }, "content", false},
		"data in a hole":     {"content/all hole", func() error { return overwrite(in("content/all hole"), 9<<20, "data") }, "content", false},
		"size":               {"content/text", func() error { return os.Truncate(in("content/text"), 10) }, "size", false},
		"holes filled":       {"content/holes", func() error { return fillHoles(in("content/holes")) }, "allocated bytes", true},
		"mode":               {"content/block", func() error { return unix.Chmod(in("content/block"), 0o645) }, "mode", false},
		"setuid":             {"modes/file 0755", func() error { return unix.Chmod(in("modes/file 0755"), 0o4755) }, "mode", false},
		"setgid":             {"modes/directory 0755", func() error { return unix.Chmod(in("modes/directory 0755"), 0o2755) }, "mode", false},
		"sticky":             {"modes/directory 0777", func() error { return unix.Chmod(in("modes/directory 0777"), 0o1777) }, "mode", false},
		"mode of a FIFO":     {"special/fifo", func() error { return unix.Chmod(in("special/fifo"), 0o600) }, "mode", false},
		"owner":              {"content/64KiB", func() error { return os.Lchown(in("content/64KiB"), 7, 0) }, "owner", false},
		"group":              {"content/nested", func() error { return os.Lchown(in("content/nested"), -1, 7) }, "group", false},
		"owner of a symlink": {"owners/symlink", func() error { return os.Lchown(in("owners/symlink"), 56, -1) }, "owner", false},
		"owner of the root":  {".", func() error { return os.Lchown(in("."), 2001, -1) }, "owner", false},
		"time of a file":     {"times/one nanosecond", func() error { return touch(in("times/one nanosecond"), 1) }, "modification time", false},
		"time of a dir":      {"times/directory", func() error { return touch(in("times/directory"), 1) }, "modification time", false},
		"time of a symlink":  {"times/symlink", func() error { return touch(in("times/symlink"), -1) }, "modification time", false},
		"time of a FIFO":     {"special/fifo", func() error { return touch(in("special/fifo"), 1) }, "modification time", false},
		"time of the root":   {".", func() error { return touch(in("."), 1) }, "modification time", false},
		"target":             {"symlinks/dangling", func() error { return relink(in("symlinks/dangling"), "nowhere/at alL") }, "link target", false},
		"device number":      {"special/char", func() error { return renode(in("special/char"), unix.S_IFCHR|0o666, unix.Mkdev(1, 5)) }, "device number", false},
		"type":               {"special/block", func() error { return renode(in("special/block"), unix.S_IFCHR|0o660, unix.Mkdev(7, 200)) }, "type", true},
		"xattr value":        {"xattrs/file", func() error { return unix.Setxattr(in("xattrs/file"), "user.text", []byte("Value"), 0) }, "xattr user.text", false},
		"xattr gone":         {"xattrs/large", func() error { return unix.Removexattr(in("xattrs/large"), "user.large") }, "xattr user.large", false},
		"xattr more":         {"xattrs/directory", func() error { return unix.Setxattr(in("xattrs/directory"), "user.a", nil, 0) }, "xattr user.a", false},
		"xattr of a symlink": {"xattrs/symlink", func() error { return unix.Lsetxattr(in("xattrs/symlink"), "trusted.symlink", nil, 0) }, "xattr trusted.symlink", false},
		"xattr of the root":  {".", func() error { return unix.Removexattr(in("."), "user.root") }, "xattr user.root", false},
		"capability":         {"xattrs/capable", func() error { return unix.Removexattr(in("xattrs/capable"), "security.capability") }, "xattr security.capability", false},
		"ACL":                {"acls/file", func() error { return setfacl("-m", "u:1234:r--", in("acls/file")) }, "xattr system.posix_acl_access", false},
		"default ACL":        {"acls/both", func() error { return setfacl("-d", "-m", "g::r-x", in("acls/both")) }, "xattr system.posix_acl_default", false},
		"missing":            {"names/*", func() error { return os.Remove(in("names/*")) }, "presence", false},
		"missing dir":        {"order/a!", func() error { return os.RemoveAll(in("order/a!")) }, "presence", false},
		"extra":              {"names/+ plus plus", func() error { return os.WriteFile(in("names/+ plus plus"), nil, 0o600) }, "presence", false},
		"link broken":        {"links/z/file", func() error { return unlink(in("links/z/file")) }, "hard links", false},
		"links exchanged": {"links/z/twin 1", func() error {
			return unix.Renameat2(unix.AT_FDCWD, in("links/z/twin 1"), unix.AT_FDCWD, in("links/z/twin 2"), unix.RENAME_EXCHANGE)
		}, "hard links", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			parent := filepath.Dir(test.path)
			stamp, mine := before(parent), time.Time{}
			if test.what != "presence" {
				mine = before(test.path)
			}
			require.NoError(t, test.do())
			if test.what != "modification time" && !mine.IsZero() {
				require.NoError(t, setTime(in(test.path), mine))
			}
			if test.path != "." {
				require.NoError(t, setTime(in(parent), stamp))
			}
			report, err := tree.Compare(a, b, tree.Options{})
			require.NoError(t, err)
			require.False(t, report.Equal())
			found := map[string]bool{}
			for _, d := range report.Differences {
				found[d.What] = true
				if test.what != "hard links" && d.What != "content" {
					assert.Equal(t, test.path, d.Path, "%s", d)
				}
			}
			assert.True(t, found[test.what], "%s", report)
			if !test.blind {
				assert.NotEmpty(t, rsyncSays(t, a, b))
			} else {
				assert.Empty(t, rsyncSays(t, a, b), "rsync sees it by now: say so")
			}

			// Made anew by rsync, the entry is the same again.
			if test.path != "." {
				require.NoError(t, os.RemoveAll(in(test.path)))
			}
			out, err := exec.Command("rsync", "-aAXHScI", "--specials", "--devices", "--numeric-ids", "--delete", "--modify-window=-1", a+"/", b+"/").CombinedOutput()
			require.NoError(t, err, "%s", out)
			treetest.Equal(t, a, b, tree.Options{})
		})
	}
}

func overwrite(file string, at int64, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt([]byte(text), at)
	return err
}

// fillHoles writes every byte of a file as it is.
func fillHoles(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return overwrite(file, 0, string(content))
}

func touch(file string, change time.Duration) error {
	var st unix.Stat_t
	if err := unix.Lstat(file, &st); err != nil {
		return err
	}
	return setTime(file, time.Unix(0, st.Mtim.Nano()).Add(change))
}

func setTime(file string, t time.Time) error {
	stamp := unix.NsecToTimespec(t.UnixNano())
	return unix.UtimesNanoAt(unix.AT_FDCWD, file, []unix.Timespec{stamp, stamp}, unix.AT_SYMLINK_NOFOLLOW)
}

func relink(file, target string) error {
	if err := os.Remove(file); err != nil {
		return err
	}
	return os.Symlink(target, file)
}

func renode(file string, mode uint32, dev uint64) error {
	if err := os.Remove(file); err != nil {
		return err
	}
	if err := unix.Mknod(file, mode, int(dev)); err != nil {
		return err
	}
	return unix.Chmod(file, mode&0o7777)
}

// unlink makes a link a file of its own.
func unlink(file string) error {
	if out, err := exec.Command("cp", "-a", file, file+".new").CombinedOutput(); err != nil {
		return &exec.Error{Name: string(out), Err: err}
	}
	return os.Rename(file+".new", file)
}

func setfacl(args ...string) error {
	out, err := exec.Command("setfacl", args...).CombinedOutput()
	if err != nil {
		return &exec.Error{Name: "setfacl, of the Debian package acl: " + string(out), Err: err}
	}
	return nil
}

func TestCompareLeavesOut(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, root := range []string{a, b} {
		require.NoError(t, os.WriteFile(root+"/file", make([]byte, 1<<20), 0o644))
		require.NoError(t, os.Mkdir(root+"/sub", 0o755))
		require.NoError(t, os.Mkdir(root+"/sub/lost+found", 0o755))
	}
	require.NoError(t, overwrite(b+"/file", 5, "x"))
	require.NoError(t, os.Truncate(a+"/file", 0))
	require.NoError(t, os.Truncate(a+"/file", 1<<20))
	require.NoError(t, os.Mkdir(b+"/lost+found", 0o700))
	for _, path := range []string{".", "file", "sub", "sub/lost+found"} {
		require.NoError(t, setTime(filepath.Join(a, path), time.Unix(1, 1)))
		require.NoError(t, setTime(filepath.Join(b, path), time.Unix(1, 1)))
	}
	compare := func(opts tree.Options) string {
		report, err := tree.Compare(a, b, opts)
		require.NoError(t, err)
		return report.String()
	}
	all := compare(tree.Options{})
	assert.Contains(t, all, "file: content: 0x78 at byte 5, not 0x00 at byte 5\n")
	assert.Contains(t, all, "file: allocated bytes: 1048576, not 0\n")
	assert.Contains(t, all, "lost+found: presence: directory, not absent\n")
	assert.Contains(t, all, "3 differences: 5 entries")
	assert.NotContains(t, compare(tree.Options{NoContent: true}), "content: 0x")
	assert.NotContains(t, compare(tree.Options{NoSparse: true}), "allocated")
	assert.NotContains(t, compare(tree.Options{NoLostFound: true}), "lost+found")
	assert.Contains(t, compare(tree.Options{Limit: 1}), "… and 2 more\n")
	assert.True(t, strings.HasPrefix(compare(tree.Options{NoContent: true, NoSparse: true, NoLostFound: true}), "identical"))
}

func TestCompareWithoutOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test changes owners: run it as root")
	}
	a, b := twins(t)
	require.NoError(t, os.Lchown(b+"/content/text", 12, 13))
	report, err := tree.Compare(a, b, tree.Options{NoOwners: true})
	require.NoError(t, err)
	assert.True(t, report.Equal(), "%s", report)
}

func TestCompareMissingRoot(t *testing.T) {
	_, err := tree.Compare(t.TempDir(), t.TempDir()+"/absent", tree.Options{})
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestDifferenceIsOneLine(t *testing.T) {
	for path, want := range map[string]string{
		"plain/path": "plain/path", "new\nline": `"new\nline"`, "with space": `"with space"`, "\xff": `"\xff"`, "a:b": `"a:b"`,
	} {
		d := tree.Difference{Path: path, What: "mode", A: "0644", B: "0600"}
		assert.Equal(t, want+": mode: 0600, not 0644", d.String())
	}
}
