package archive

import (
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// architecture is a machine as each side names it.
type architecture struct {
	machine elf.Machine
	// goarch is Go's name, and that of images.
	goarch string
	// triplet is Debian's directory of libraries.
	triplet string
}

var architectures = []architecture{
	{elf.EM_X86_64, "amd64", "x86_64-linux-gnu"},
	{elf.EM_AARCH64, "arm64", "aarch64-linux-gnu"},
}

// directories are where Debian's loader looks for libraries, in its order.
func (a architecture) directories() []string {
	return []string{"lib/" + a.triplet, "usr/lib/" + a.triplet, "lib", "usr/lib"}
}

func architectureOf(machine elf.Machine) (architecture, error) {
	for _, a := range architectures {
		if a.machine == machine {
			return a, nil
		}
	}
	return architecture{}, fmt.Errorf("programs for %s: amd64 and arm64 are supported", machine)
}

// object is what an ELF file says that it needs.
type object struct {
	machine elf.Machine
	// loader is the program's interpreter; empty in libraries and static programs.
	loader string
	needed []string
}

func readObject(file string) (object, error) {
	f, err := elf.Open(file)
	if err != nil {
		return object{}, fmt.Errorf("read %s: %w", file, err)
	}
	defer func() { _ = f.Close() }()
	o := object{machine: f.Machine}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		name := make([]byte, p.Filesz)
		if _, err := p.ReadAt(name, 0); err != nil {
			return object{}, fmt.Errorf("read the interpreter of %s: %w", file, err)
		}
		o.loader = strings.TrimRight(string(name), "\x00")
	}
	if f.SectionByType(elf.SHT_DYNAMIC) == nil {
		return o, nil
	}
	if o.needed, err = f.ImportedLibraries(); err != nil {
		return object{}, fmt.Errorf("read the libraries of %s: %w", file, err)
	}
	return o, nil
}

// takeProgram adds a program to the tree, with its loader and every library that
// it, or one of them, needs.
func (s *system) takeProgram(t tree, program string) (architecture, error) {
	var arch architecture
	seen := map[string]bool{}
	for queue := []string{program}; len(queue) > 0; queue = queue[1:] {
		file, err := s.take(t, queue[0])
		if err != nil {
			return arch, err
		}
		if seen[file] {
			continue
		}
		seen[file] = true
		o, err := readObject(s.path(file))
		if err != nil {
			return arch, err
		}
		if arch.goarch == "" {
			if arch, err = architectureOf(o.machine); err != nil {
				return arch, fmt.Errorf("%s: %w", program, err)
			}
		}
		found, err := s.needs(file, o, arch)
		if err != nil {
			return arch, err
		}
		queue = append(queue, found...)
	}
	return arch, nil
}

// needs returns the paths of the loader and the libraries of an object.
func (s *system) needs(file string, o object, arch architecture) (paths []string, err error) {
	if o.loader != "" {
		paths = append(paths, o.loader)
	}
	for _, library := range o.needed {
		found, err := s.library(library, arch)
		if err != nil {
			return nil, fmt.Errorf("/%s needs %s: %w; apt-get install --fix-broken, or --reinstall %s", file, library, err, s.packages.owner(file))
		}
		paths = append(paths, found)
	}
	return paths, nil
}

func (s *system) library(name string, arch architecture) (string, error) {
	for _, dir := range arch.directories() {
		found := path.Join(dir, name)
		// Lstat: an absolute link leads to a file of the system, not of this machine.
		if _, err := os.Lstat(s.path(found)); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("looked in %s: %w", strings.Join(arch.directories(), ", "), fs.ErrNotExist)
}
