package archive

import (
	"crypto/md5"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeSystem is a Debian system of a few files in a directory.
type fakeSystem struct {
	t    *testing.T
	root string
}

func newFakeSystem(t *testing.T) *fakeSystem {
	f := &fakeSystem{t: t, root: t.TempDir()}
	f.write("var/lib/dpkg/status", "")
	return f
}

func (f *fakeSystem) write(name, content string) {
	f.t.Helper()
	file := filepath.Join(f.root, name)
	require.NoError(f.t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(f.t, os.WriteFile(file, []byte(content), 0o755))
}

func (f *fakeSystem) link(target, name string) {
	f.t.Helper()
	require.NoError(f.t, os.MkdirAll(filepath.Dir(filepath.Join(f.root, name)), 0o755))
	require.NoError(f.t, os.Symlink(target, filepath.Join(f.root, name)))
}

// install records a package with the files and links that exist, and a copyright
// notice.
func (f *fakeSystem) install(name string, files ...string) {
	f.t.Helper()
	notice := "usr/share/doc/" + name + "/copyright"
	f.write(notice, "Free of "+name)
	var list, sums strings.Builder
	for _, file := range append(files, notice) {
		content, err := os.ReadFile(filepath.Join(f.root, file))
		require.NoError(f.t, err)
		sum := md5.Sum(content)
		list.WriteString("/" + file + "\n")
		sums.WriteString(hex.EncodeToString(sum[:]) + "  " + file + "\n")
	}
	f.write("var/lib/dpkg/info/"+name+".list", list.String())
	f.write("var/lib/dpkg/info/"+name+".md5sums", sums.String())
	status, err := os.ReadFile(filepath.Join(f.root, "var/lib/dpkg/status"))
	require.NoError(f.t, err)
	f.write("var/lib/dpkg/status", string(status)+"Package: "+name+"\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\nConffiles:\n /etc/x 0123\nDescription: "+name+"\n more of it\n\n")
}

func (f *fakeSystem) open() *system {
	f.t.Helper()
	s, err := openSystem(f.root)
	require.NoError(f.t, err)
	return s
}

// rsync installs a copy of this machine's rsync, without its libraries.
func (f *fakeSystem) rsync() {
	f.t.Helper()
	program, err := exec.LookPath("rsync")
	require.NoError(f.t, err, "this test needs rsync: apt-get install rsync")
	content, err := os.ReadFile(program)
	require.NoError(f.t, err)
	f.write("usr/bin/rsync", string(content))
	f.install("rsync", "usr/bin/rsync")
}

func TestNotDebian(t *testing.T) {
	_, err := openSystem(t.TempDir())
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "Debian's package database")
}

func TestMissingRsync(t *testing.T) {
	_, _, err := newFakeSystem(t).open().layer()
	assert.ErrorContains(t, err, "apt-get install rsync")
}

func TestMissingLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("needs rsync")
	}
	f := newFakeSystem(t)
	f.rsync()
	_, _, err := f.open().layer()
	assert.ErrorContains(t, err, "/usr/bin/rsync needs lib")
	assert.ErrorContains(t, err, "--reinstall rsync")
}

func TestFileThatIsNotThePackages(t *testing.T) {
	f := newFakeSystem(t)
	f.write("usr/bin/rsync", "theirs")
	f.install("rsync", "usr/bin/rsync")
	f.write("usr/bin/rsync", "ours")
	_, _, err := f.open().layer()
	assert.ErrorContains(t, err, "/usr/bin/rsync is not as package rsync has it: apt-get install --reinstall rsync")

	f.write("usr/bin/other", "nobody's")
	_, err = f.open().take(tree{}, "/usr/bin/other")
	assert.ErrorContains(t, err, "belongs to no Debian package")
}

func TestNotAProgram(t *testing.T) {
	f := newFakeSystem(t)
	f.write("usr/bin/rsync", "#!/bin/sh\n"+strings.Repeat("# not an ELF file\n", 9))
	f.install("rsync", "usr/bin/rsync")
	_, _, err := f.open().layer()
	assert.ErrorContains(t, err, "bad magic number")
}

// Links on the way come along and lead where they lead in the system, whatever
// this machine has at that path.
func TestTakeFollowsLinks(t *testing.T) {
	f := newFakeSystem(t)
	f.write("usr/lib/deep/real.so.1.2", "library")
	f.link("usr/lib", "lib")
	f.link("real.so.1.2", "usr/lib/deep/real.so.1")
	f.link("/lib/deep/../deep/real.so.1", "usr/lib64/real.so")
	// As in packages from before /lib became a link.
	f.install("real", "lib/deep/real.so.1.2", "lib/deep/real.so.1")
	took := tree{}
	at, err := f.open().take(took, "/usr/lib64/real.so")
	require.NoError(t, err)
	assert.Equal(t, "usr/lib/deep/real.so.1.2", at)
	assert.Equal(t, entry{mode: 0o755, content: []byte("library"), origin: "real"}, took[at])
	assert.Equal(t, "usr/lib", took["lib"].target)
	assert.Empty(t, took["lib"].origin, "a directory is no package's")
	assert.Equal(t, "real", took["usr/lib/deep/real.so.1"].origin)
	assert.Contains(t, took, "usr/lib64/real.so")

	f.link("b", "usr/a")
	f.link("a", "usr/b")
	_, err = f.open().take(tree{}, "/usr/a")
	assert.ErrorContains(t, err, "too many levels of symbolic links")
}

// A package in the image is described by what the package says, not by how it
// was installed here, and with its licences.
func TestDocument(t *testing.T) {
	f := newFakeSystem(t)
	f.write("usr/share/common-licenses/GPL-3", "licence")
	f.install("base-files", "usr/share/common-licenses/GPL-3")
	f.write("usr/bin/tool", "tool")
	f.install("tool", "usr/bin/tool")
	f.write("usr/share/doc/tool/copyright", "See /usr/share/common-licenses/GPL-3.\n")
	f.write("var/lib/dpkg/info/tool.md5sums", "")
	s, took := f.open(), tree{}
	_, err := s.take(took, "usr/bin/tool")
	require.NoError(t, err)
	packages, err := s.document(took)
	require.NoError(t, err)
	assert.Equal(t, []Package{{"base-files", "1.0"}, {"tool", "1.0"}}, packages)
	assert.Equal(t, "Package: tool\nArchitecture: amd64\nVersion: 1.0\nDescription: tool\n more of it\n",
		string(took["var/lib/dpkg/status.d/tool"].content))
	assert.Contains(t, string(took["var/lib/dpkg/status.d/tool.md5sums"].content), "  usr/bin/tool\n")
	assert.Equal(t, "licence", string(took["usr/share/common-licenses/GPL-3"].content))
	assert.Contains(t, took, "usr/share/doc/base-files/copyright")
}

// A step binary that needs a library, or is of another machine, is refused.
func TestBinary(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	o, err := readObject(self)
	require.NoError(t, err)
	mine, err := architectureOf(o.machine)
	require.NoError(t, err)
	other := architectures[0]
	if other == mine {
		other = architectures[1]
	}
	_, err = readBinary(self, other)
	assert.ErrorContains(t, err, "build it with GOARCH="+other.goarch)
	_, err = readBinary(filepath.Join(t.TempDir(), Binary), mine)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "go build ./steps/"+Binary+" makes it")
	if rsync, err := exec.LookPath("rsync"); err == nil && !testing.Short() {
		_, err = readBinary(rsync, mine)
		assert.ErrorContains(t, err, "is not static: build it with CGO_ENABLED=0")
	}
}
