// Package confine runs a program that sees one directory and nothing else it
// could harm or leak: Landlock limits what the process and its children can open,
// for root too, without a container or a privilege. Where the kernel has no
// Landlock the program runs unconfined; what it was asked to do has been checked
// against an allow-list before.
package confine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
)

// Verb is the hidden first argument with which a step binary becomes this
// program.
const Verb = "confine"

// Args is the command line that runs a program confined to a directory; what
// follows is appended.
func Args(self, directory, program string) []string {
	return []string{self, Verb, directory, program}
}

// Main replaces the process by args[1] with the arguments after it, confined to
// the directory args[0]. It returns an error or not at all.
func Main(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("%s: a directory and a program are needed", Verb)
	}
	directory, argv := args[0], args[1:]
	err := landlock.V5.BestEffort().RestrictPaths(
		landlock.RWDirs(directory).WithRefer(),
		landlock.RODirs(libraries(argv[0])...).IgnoreIfMissing(),
		landlock.ROFiles("/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime").IgnoreIfMissing(),
		landlock.RWFiles("/dev/null").IgnoreIfMissing(),
	)
	if err != nil {
		return fmt.Errorf("confine %s to %s: %w", argv[0], directory, err)
	}
	if err := syscall.Exec(argv[0], argv, os.Environ()); err != nil {
		return fmt.Errorf("run %s: %w", argv[0], err)
	}
	return nil
}

// libraries are the directories that a dynamically linked program is loaded
// from.
func libraries(program string) []string {
	dirs := []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", filepath.Dir(program)}
	for _, dir := range strings.Split(os.Getenv("LD_LIBRARY_PATH"), ":") {
		if dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}
