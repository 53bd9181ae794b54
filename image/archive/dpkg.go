package archive

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// database is dpkg's: which package owns a file, what the file should be, and
// what is known of the package. Packages are named as dpkg names their files,
// with the architecture where several may be installed ("rsync",
// "libacl1:amd64").
type database struct {
	dir     string
	owners  map[string]string
	control map[string]string
}

// statusFile has a paragraph for each package, infoDir its lists.
const (
	statusFile = "status"
	infoDir    = "info"
)

func openDatabase(root string) (*database, error) {
	d := &database{dir: filepath.Join(root, "var/lib/dpkg"), owners: map[string]string{}, control: map[string]string{}}
	status, err := os.ReadFile(filepath.Join(d.dir, statusFile))
	if err != nil {
		return nil, fmt.Errorf("read Debian's package database, as the image takes rsync from an installed Debian package: %w", err)
	}
	for paragraph := range strings.SplitSeq(string(status), "\n\n") {
		if name := field(paragraph, "Package"); name != "" {
			d.control[name] = paragraph
			d.control[name+":"+field(paragraph, "Architecture")] = paragraph
		}
	}
	lists, err := filepath.Glob(filepath.Join(d.dir, infoDir, "*.list"))
	if err != nil {
		return nil, err
	}
	for _, list := range lists {
		paths, err := os.ReadFile(list)
		if err != nil {
			return nil, fmt.Errorf("read the files of a Debian package: %w", err)
		}
		owner := strings.TrimSuffix(filepath.Base(list), ".list")
		for name := range strings.Lines(string(paths)) {
			d.owners[strings.Trim(name, "/\n")] = owner
		}
	}
	return d, nil
}

// owner is the package of the file or link, and empty when it has none.
func (d *database) owner(name string) string {
	if owner := d.owners[name]; owner != "" {
		return owner
	}
	// Packages may still say /lib where that has become a link to usr/lib.
	return d.owners[strings.TrimPrefix(name, "usr/")]
}

// verify compares the content with the checksum in the package. Configuration
// files have none: they may be changed.
func (d *database) verify(owner, name string, content []byte) error {
	sums, err := os.ReadFile(filepath.Join(d.dir, infoDir, owner+".md5sums"))
	if err != nil {
		return fmt.Errorf("read the checksums of package %s: %w", owner, err)
	}
	actual := checksum(content)
	for line := range strings.Lines(string(sums)) {
		sum, file, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if (file == name || "usr/"+file == name) && sum != actual {
			return fmt.Errorf("/%s is not as package %s has it: apt-get install --reinstall %[2]s", name, owner)
		}
	}
	return nil
}

// checksum is that of dpkg's lists; it finds damage, not attacks.
func checksum(content []byte) string {
	sum := md5.Sum(content)
	return hex.EncodeToString(sum[:])
}

// field is the first line of a field of a paragraph.
func field(paragraph, name string) string {
	for line := range strings.Lines(paragraph) {
		if value, found := strings.CutPrefix(line, name+":"); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// describe returns the package, and its paragraph as the package itself has it:
// without the fields that speak of its installation.
func (d *database) describe(owner string) (Package, string, error) {
	paragraph, found := d.control[owner]
	if !found {
		return Package{}, "", fmt.Errorf("package %s has files, but is not in %s: dpkg --audit says what is wrong", owner, filepath.Join(d.dir, statusFile))
	}
	var kept bytes.Buffer
	leave := false
	lines := bufio.NewScanner(strings.NewReader(paragraph))
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, " ") {
			leave = strings.HasPrefix(line, "Status:") || strings.HasPrefix(line, "Conffiles:")
		}
		if !leave {
			fmt.Fprintln(&kept, line)
		}
	}
	return Package{Name: field(paragraph, "Package"), Version: field(paragraph, "Version")}, kept.String(), lines.Err()
}
