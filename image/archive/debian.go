package archive

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// rsyncProgram is the one program of Debian that steps start; searchPath is the
// image's PATH, on which they find it.
const (
	rsyncProgram = "/usr/bin/rsync"
	searchPath   = "/usr/bin"
)

// release is how programs, scanners above all, tell which Debian it is.
var release = []string{"/etc/os-release", "/etc/debian_version"}

// user is the image's: not root, so that runAsNonRoot alone lets pods start, and
// the one that bundles give to pods without root. Any other user works as well.
const user = "65532"

// layer collects rsync and everything that comes with it, and the files that any
// image has.
func (s *system) layer() (part, architecture, error) {
	t := tree{}
	arch, err := s.takeProgram(t, rsyncProgram)
	if errors.Is(err, fs.ErrNotExist) && len(t) == 0 {
		return part{}, arch, fmt.Errorf("%w: the image takes the installed rsync: apt-get install rsync", err)
	}
	if err != nil {
		return part{}, arch, err
	}
	for _, file := range release {
		if _, err := s.take(t, file); err != nil {
			return part{}, arch, fmt.Errorf("%w: apt-get install --reinstall base-files", err)
		}
	}
	packages, err := s.document(t)
	if err != nil {
		return part{}, arch, err
	}
	// The C library looks a user up to say who it is; none needs to be there.
	t.text("etc/passwd", "root:x:0:0:root:/:/nonexistent\nnobody:x:65534:65534:nobody:/:/nonexistent\nnonroot:x:"+user+":"+user+":nonroot:/:/nonexistent\n")
	t.text("etc/group", "root:x:0:\nnogroup:x:65534:\nnonroot:x:"+user+":\n")
	// Without it names are asked from the DNS before /etc/hosts, where the kubelet
	// writes hostAliases.
	t.text("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
	// Where a pod does not mount one, as a bundle's do.
	t.add("tmp", entry{mode: fs.ModeDir | fs.ModeSticky | 0o777})
	return part{name: "debian", created: "rsync and its libraries from Debian packages", files: t, packages: packages}, arch, nil
}

// document adds, for every package with a file in the tree, its copyright notice
// and its entry for scanners. A notice may be another package's file, which is
// then documented, too.
func (s *system) document(t tree) ([]Package, error) {
	done := map[string]Package{}
	for {
		owner := undocumented(t, done)
		if owner == "" {
			break
		}
		p, control, err := s.packages.describe(owner)
		if err != nil {
			return nil, err
		}
		if err := s.copyright(t, p.Name); err != nil {
			return nil, err
		}
		t.text(statusDir+p.Name, control)
		done[owner] = p
	}
	for owner, p := range done {
		t.text(statusDir+p.Name+".md5sums", sums(t, owner))
	}
	return slices.SortedFunc(maps.Values(done), func(a, b Package) int { return cmp.Compare(a.Name, b.Name) }), nil
}

// statusDir is the dpkg database of images without dpkg: a file for each package.
const statusDir = "var/lib/dpkg/status.d/"

// undocumented returns a package with a file in the tree that is not done, or "".
func undocumented(t tree, done map[string]Package) string {
	for _, name := range t.paths() {
		if owner := t[name].origin; owner != "" && done[owner].Name == "" {
			return owner
		}
	}
	return ""
}

var licences = regexp.MustCompile(`/usr/share/common-licenses/[A-Za-z0-9][A-Za-z0-9.+-]*[A-Za-z0-9]`)

// copyright adds a package's notice, and the licences whose text it leaves to
// Debian's common ones: whoever passes the image on passes them on.
func (s *system) copyright(t tree, name string) error {
	notice, err := s.take(t, path.Join("usr/share/doc", name, "copyright"))
	if err != nil {
		return fmt.Errorf("copyright notice: %w: apt-get install --reinstall %s", err, name)
	}
	for _, licence := range licences.FindAllString(string(t[notice].content), -1) {
		if _, err := s.take(t, licence); err != nil {
			return fmt.Errorf("licence of %s: %w: apt-get install --reinstall base-files", name, err)
		}
	}
	return nil
}

// sums are the checksums of a package's files in the tree, as dpkg lists them.
func sums(t tree, owner string) string {
	var b strings.Builder
	for _, name := range t.paths() {
		if e := t[name]; e.origin == owner && e.mode.IsRegular() {
			fmt.Fprintf(&b, "%s  %s\n", checksum(e.content), name)
		}
	}
	return b.String()
}
