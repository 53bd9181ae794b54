package sample

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Options leave out of a torture tree what the file system, the mover or this
// process cannot make.
type Options struct {
	// Unprivileged leaves out what takes root: other owners, device nodes,
	// trusted and security attributes. It is implied for other users.
	Unprivileged bool
	// NoXattrs leaves out extended attributes and ACLs.
	NoXattrs bool
	// NoTrusted leaves out trusted.* attributes, which the kernel shows to nobody
	// without CAP_SYS_ADMIN: a mover in a pod never sees them.
	NoTrusted bool
	// MaxPath is the longest path in bytes, relative to the root; default 5000,
	// which is beyond PATH_MAX (4096). rsync needs less than 4096 with the root.
	MaxPath int
	// NoHuge leaves out the file of more than 4 GiB, which is nearly all hole.
	NoHuge bool
}

// Torture makes a tree at root that holds every kind of entry and attribute
// that a replica must keep. It is the same every time.
func Torture(root string, opts Options) error {
	m, err := newMaker(root, NewRand(1))
	if err != nil {
		return err
	}
	defer m.close()
	if os.Geteuid() != 0 {
		opts.Unprivileged = true
	}
	if opts.MaxPath == 0 {
		opts.MaxPath = 5000
	}
	m.contents(opts)
	m.hardLinks()
	m.symlinks()
	m.specials(opts)
	m.names()
	m.deep(opts.MaxPath)
	if !opts.NoXattrs {
		m.xattrs(opts)
		m.acls()
	}
	if !opts.Unprivileged {
		m.owners()
	}
	m.modes()
	m.times()
	m.readOnly()
	if m.err != nil {
		return fmt.Errorf("make torture tree: %w", m.err)
	}
	return nil
}

func (m *maker) contents(opts Options) {
	m.mkdir("content/empty directory")
	m.mkdir("content/nested/empty/directories")
	m.text("content/zero bytes", "")
	m.text("content/one byte", "x")
	m.text("content/text", strings.Repeat("a line of text\n", 1000))
	m.random("content/block", 4096)
	m.random("content/block+1", 4097)
	m.random("content/64KiB", 64<<10)
	m.random("content/3MiB", 3<<20+123)
	m.file("content/zeros", make([]byte, 1<<20))
	mark := func(s string) []byte { return bytes.Repeat([]byte(s), 1024) }
	m.sparse("content/hole at the end", 2<<20, map[int64][]byte{0: mark("head")})
	m.sparse("content/hole at the start", 1<<20+4096, map[int64][]byte{1 << 20: mark("tail")})
	m.sparse("content/holes", 8<<20, map[int64][]byte{1 << 20: mark("a"), 3 << 20: mark("b"), 6<<20 + 512: mark("c")})
	m.sparse("content/all hole", 16<<20, nil)
	if !opts.NoHuge {
		m.sparse("content/huge", 4<<30+1<<20, map[int64][]byte{0: mark("first"), 4<<30 + 8192: mark("last")})
	}
}

func (m *maker) hardLinks() {
	m.mkdir("links/a/b")
	m.mkdir("links/z")
	m.random("links/a/file", 10_000)
	m.link("links/a/file", "links/a/b/same file")
	m.link("links/a/file", "links/z/file")
	m.text("links/a/empty", "")
	m.link("links/a/empty", "links/a/b/empty")
	m.random("links/a/twin 1", 100)
	m.random("links/a/twin 2", 100)
	m.link("links/a/twin 1", "links/z/twin 2")
	m.link("links/a/twin 2", "links/z/twin 1")
	m.node("links/a/fifo", unix.S_IFIFO|0o640, 0)
	m.link("links/a/fifo", "links/z/fifo")
	m.symlink("file", "links/a/symlink")
	m.link("links/a/symlink", "links/z/symlink")
}

func (m *maker) symlinks() {
	m.mkdir("symlinks/directory")
	m.symlink("nowhere/at all", "symlinks/dangling")
	m.symlink("/etc/passwd", "symlinks/absolute")
	m.symlink("../../../../../../etc/passwd", "symlinks/out of the tree")
	m.symlink("loop b", "symlinks/loop a")
	m.symlink("loop a", "symlinks/loop b")
	m.symlink("self", "symlinks/self")
	m.symlink("directory", "symlinks/to a directory")
	m.symlink("new\nline and \xff", "symlinks/odd target")
	m.symlink(strings.Repeat("t/", 2000), "symlinks/long target")
}

func (m *maker) specials(opts Options) {
	m.mkdir("special")
	m.node("special/fifo", unix.S_IFIFO|0o622, 0)
	m.node("special/socket", unix.S_IFSOCK|0o755, 0)
	if opts.Unprivileged {
		return
	}
	m.node("special/char", unix.S_IFCHR|0o666, unix.Mkdev(1, 3))
	m.node("special/block", unix.S_IFBLK|0o660, unix.Mkdev(7, 200))
	m.node("special/large minor", unix.S_IFCHR|0o600, unix.Mkdev(511, 1<<20-1))
}

func (m *maker) names() {
	m.mkdir("names")
	for i, name := range oddNames() {
		m.text("names/"+name, fmt.Sprint("file ", i))
		m.mkdir("names/dir of " + name[:min(len(name), 240)])
	}
	// Only the one at the root belongs to the file system.
	m.mkdir("names/lost+found")
	m.text("names/lost+found/kept", "kept")
	// A slash sorts before every byte of a name: both orders must agree.
	for _, path := range []string{"order/a", "order/a-", "order/a!", "order/a0", "order/A"} {
		m.mkdir(path)
		m.text(path+"/b", path)
	}
}

func oddNames() []string {
	return []string{
		"new\nline", "\nfirst", "carriage\rreturn", "tab\t", "\x01\x7f", " leading", "trailing ", " ", "'", `"`, "`id`",
		`back\slash`, `\n`, "-rf", "--delete", "*", "?", "[a-z]", "{{x}}", "$(id)", "$HOME", "#hash", "~", "~root", "a;b", "a&b", "a|b",
		"a -> b", "a:b", "host:path", "%s%n", "100%", "=", "...", ".hidden", "..two", ".~tmp~", ".name.a1B2c3", "name~",
		"é composed", "e\u0301 decomposed", "日本語", "\u202egnp", "\xff\xfe invalid", "cut \xc3", strings.Repeat("n", 255), strings.Repeat("é", 127),
		"+ plus", "- minus", ". dot", "! bang", "@at", "case", "CASE",
	}
}

// deep makes a path of many levels and one of nearly max bytes.
func (m *maker) deep(max int) {
	m.mkdir(strings.Repeat("d/", 200) + "d")
	m.text(strings.Repeat("d/", 200)+"file", "many levels down")
	level := strings.Repeat("deep-", 40)
	path := "deep"
	for len(path)+len(level)+1 < max-20 {
		path += "/" + level
	}
	m.mkdir(path)
	m.text(path+"/file", "at the bottom")
	m.link(path+"/file", path+"/link")
	m.link(path+"/file", "linked to the deep")
	m.symlink("file", path+"/symlink")
}

func (m *maker) xattrs(opts Options) {
	m.mkdir("xattrs/directory")
	m.text("xattrs/file", "x")
	m.xattr("xattrs/file", "user.text", []byte("value"))
	m.xattr("xattrs/file", "user.binary", []byte{0, 1, 2, 255, 0})
	m.xattr("xattrs/file", "user.empty", nil)
	m.xattr("xattrs/directory", "user.directory", []byte("yes"))
	m.text("xattrs/large", "x")
	m.xattr("xattrs/large", "user.large", noise(m.rng, 2000))
	m.xattr(".", "user.root", []byte("of the root"))
	if opts.Unprivileged {
		return
	}
	m.symlink("file", "xattrs/symlink")
	if !opts.NoTrusted {
		m.xattr("xattrs/file", "trusted.scribe", []byte("only root reads this"))
		m.xattr("xattrs/symlink", "trusted.symlink", []byte("of the link"))
	}
	m.text("xattrs/capable", "#!/bin/true\n")
	// cap_net_bind_service, effective and permitted (struct vfs_cap_data, revision 2).
	m.xattr("xattrs/capable", "security.capability", words(0x02000001, 1<<10, 0, 0, 0))
}

func words(values ...uint32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// acl encodes entries of tag, permissions and ID as Linux keeps them
// (posix_acl_xattr.h, version 2).
func acl(entries ...[3]uint32) []byte {
	b := words(2)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
		b = binary.LittleEndian.AppendUint32(b, e[2])
	}
	return b
}

func (m *maker) acls() {
	const none = 1<<32 - 1
	named := acl([3]uint32{1, 7, none}, [3]uint32{2, 6, 1234}, [3]uint32{4, 5, none}, [3]uint32{8, 4, 5678}, [3]uint32{0x10, 7, none}, [3]uint32{0x20, 0, none})
	m.mkdir("acls/directory")
	m.text("acls/directory/made before the default", "x")
	m.xattr("acls/directory", "system.posix_acl_default", named)
	m.text("acls/directory/inherits", "x")
	m.mkdir("acls/directory/inherits too")
	m.mkdir("acls/both")
	m.xattr("acls/both", "system.posix_acl_access", named)
	m.xattr("acls/both", "system.posix_acl_default", acl([3]uint32{1, 7, none}, [3]uint32{4, 0, none}, [3]uint32{0x20, 0, none}))
	m.text("acls/file", "x")
	m.xattr("acls/file", "system.posix_acl_access", named)
}

func (m *maker) owners() {
	m.mkdir("owners")
	for _, id := range [][2]int{{1, 0}, {0, 1}, {1000, 1000}, {65534, 65534}, {65536, 100_000}, {1<<31 - 1, 1 << 31}, {1<<32 - 2, 1<<32 - 2}} {
		path := fmt.Sprintf("owners/%d-%d", id[0], id[1])
		m.text(path, "owned")
		m.chown(path, id[0], id[1])
	}
	m.mkdir("owners/directory")
	m.text("owners/directory/file", "x")
	m.chown("owners/directory", 33, 44)
	m.symlink("file", "owners/symlink")
	m.chown("owners/symlink", 55, 66)
	m.chown("special/fifo", 77, 88)
	m.text("owners/setuid of another", "x")
	m.chown("owners/setuid of another", 99, 99)
	m.chmod("owners/setuid of another", 0o6755)
	m.chown(".", 2000, 3000)
}

func (m *maker) modes() {
	m.mkdir("modes")
	for _, mode := range []uint32{0, 0o1, 0o111, 0o222, 0o400, 0o444, 0o600, 0o644, 0o755, 0o777, 0o1644, 0o2755, 0o4755, 0o7777} {
		path := fmt.Sprintf("modes/file %04o", mode)
		m.text(path, "mode")
		m.chmod(path, mode)
	}
	for _, mode := range []uint32{0o700, 0o711, 0o755, 0o777, 0o1777, 0o2775, 0o3777} {
		path := fmt.Sprintf("modes/directory %04o", mode)
		m.mkdir(path)
		m.text(path+"/file", "in it")
		m.chmod(path, mode)
	}
	m.chmod(".", 0o2751)
}

// times gives everything a time of its own, in nanoseconds, and some the times
// that are lost most easily.
func (m *maker) times() {
	m.mkdir("times/directory")
	odd := map[string]time.Time{
		"times/epoch":          time.Unix(0, 0),
		"times/before epoch":   time.Unix(-1, 500),
		"times/one nanosecond": time.Unix(1_000_000_000, 1),
		"times/last":           time.Unix(1_000_000_000, 999_999_999),
		"times/future":         time.Unix(4_102_444_800, 123_456_789),
		"times/beyond 2038":    time.Unix(1<<31+5, 7),
	}
	for _, path := range sortedKeys(odd) {
		m.text(path, "time")
	}
	m.symlink("epoch", "times/symlink")
	m.settle(time.Unix(1_700_000_000, 0))
	for _, path := range sortedKeys(odd) {
		m.modified(path, odd[path])
	}
	m.modified("times/symlink", time.Unix(1_234_567_890, 987_654_321))
	m.modified("times/directory", time.Unix(1_111_111_111, 111_111_111))
	m.modified("times", time.Unix(1_222_222_222, 222_222_222))
}

// readOnly comes last: nothing can be put into such directories afterwards.
func (m *maker) readOnly() {
	m.mkdir("read-only/directory")
	m.text("read-only/directory/file", "x")
	m.chmod("read-only/directory/file", 0o444)
	for i, path := range []string{"read-only/directory/file", "read-only/directory", "read-only"} {
		m.modified(path, time.Unix(1_333_333_333, int64(i)))
	}
	m.chmod("read-only/directory", 0o555)
	m.chmod("read-only", 0o555)
	m.modified(".", time.Unix(1_444_444_444, 444_444_444))
}
