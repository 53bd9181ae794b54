// Package rsyncargs decides which "rsync --server" requests a listener runs: a
// receiver of the replica and nothing else. It knows rsync's options, not
// connections.
package rsyncargs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/protocol"
)

// Root is the destination that the forced arguments name: the working directory
// of the server, which the listener makes the replica's root.
const Root = "."

// roots are the ways in which clients name the only directory there is.
var roots = []string{"", ".", "./", "/"}

// letters are the one-letter options that may stand in the bundle. They say how
// a file is compared and written inside of the destination. Not among them: s
// (arguments would come later, unchecked), K (follows links out of the
// destination), b (leaves files behind).
const letters = "vqnlHogDtpAXrRdSzxWuIcOJmhikLUNEy"

// bundle is the one-letter options and, after e, the client's capabilities.
var bundle = regexp.MustCompile(`^-[A-Za-z]*(e[0-9]*\.[A-Za-z]*)?$`)

// flags are the long options without a value.
var flags = []string{
	"--delete", "--delete-before", "--delete-during", "--delete-delay", "--delete-after", "--delete-excluded",
	"--delete-missing-args", "--ignore-missing-args", "--force", "--numeric-ids", "--inplace", "--partial",
	"--whole-file", "--no-whole-file", "--no-W", "--preallocate", "--existing", "--ignore-existing", "--ignore-times",
	"--size-only", "--no-r", "--dirs", "--relative", "--no-relative", "--no-implied-dirs", "--specials", "--no-specials",
	"--devices", "--no-devices", "--no-D", "--omit-dir-times", "--omit-link-times", "--stats", "--compress",
	"--new-compress", "--old-compress", "--no-compress", "--fsync", "--super", "--no-super", "--from0",
	"--mkpath", "--open-noatime", "--prune-empty-dirs", "--sparse", "--no-inc-recursive", "--inc-recursive",
}

// values are the long options with a value, and what it may be. No value is a
// path.
var values = map[string]*regexp.Regexp{
	"--max-delete":      number,
	"--max-size":        size,
	"--min-size":        size,
	"--block-size":      size,
	"--bwlimit":         size,
	"--timeout":         number,
	"--modify-window":   signed,
	"--checksum-seed":   signed,
	"--compress-level":  signed,
	"--compress-choice": word,
	"--checksum-choice": words,
	"--info":            words,
	"--debug":           words,
	"--log-format":      regexp.MustCompile(`^(%[a-zA-Z]|[ ,:A-Za-z0-9])*$`),
	"--skip-compress":   regexp.MustCompile(`^[A-Za-z0-9/\[\]]*$`),
	"--max-alloc":       size,
}

var (
	number = regexp.MustCompile(`^[0-9]{1,18}$`)
	signed = regexp.MustCompile(`^-?[0-9]{1,18}$`)
	size   = regexp.MustCompile(`^[0-9]{1,18}(\.[0-9]{1,6})?[kKmMgGtTpP]?i?[bB]?$`)
	word   = regexp.MustCompile(`^[a-z0-9]{1,16}$`)
	words  = regexp.MustCompile(`^[A-Za-z0-9,]{0,256}$`)
	// short are the one-letter options that carry their value.
	short = regexp.MustCompile(`^-(@-?[0-9]{1,18}|B[0-9]{1,10})$`)
)

// Receiver checks the arguments of an rsync server and returns those to run it
// with: the same options, and [Root] as the only path. What is not known to be
// harmless is a *protocol.Refused that names it.
func Receiver(args []string) ([]string, error) {
	if len(args) == 0 || args[0] != "--server" {
		return nil, refuse("rsync without --server as its first argument")
	}
	forced := []string{"--server"}
	rest := args[1:]
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
		if err := checkOption(rest[0]); err != nil {
			return nil, err
		}
		forced = append(forced, rest[0])
		rest = rest[1:]
	}
	if len(rest) == 0 || rest[0] != "." {
		return nil, refuse("rsync --server without the argument \".\" before the path")
	}
	switch rest = rest[1:]; {
	case len(rest) > 1:
		return nil, refuse("rsync --server with %d paths", len(rest))
	case len(rest) == 1 && !slices.Contains(roots, rest[0]):
		return nil, refuse("the path %q (the only destination is the replica's root: use host: or host:/)", rest[0])
	}
	return append(forced, ".", Root), nil
}

func checkOption(o string) error {
	if !strings.HasPrefix(o, "--") {
		if short.MatchString(o) {
			return nil
		}
		return checkBundle(o)
	}
	name, value, hasValue := strings.Cut(o, "=")
	if pattern, ok := values[name]; ok && hasValue && pattern.MatchString(value) {
		return nil
	}
	if !hasValue && slices.Contains(flags, name) {
		return nil
	}
	return refuse("the rsync option %q", o)
}

func checkBundle(o string) error {
	if !bundle.MatchString(o) {
		return refuse("the rsync option %q", o)
	}
	options, _, _ := strings.Cut(o[1:], "e")
	for _, c := range options {
		if !strings.ContainsRune(letters, c) {
			return refuse("the rsync option -%c (in %q)", c, o)
		}
	}
	return nil
}

func refuse(format string, args ...any) error {
	return &protocol.Refused{
		Code:    contract.RefusedRequest,
		Message: fmt.Sprintf(format, args...) + " is not allowed here",
	}
}

// DryRun reports whether a receiver with these arguments writes nothing.
func DryRun(forced []string) bool {
	return slices.ContainsFunc(forced, func(o string) bool {
		options, _, _ := strings.Cut(o, "e")
		return !strings.HasPrefix(o, "--") && strings.HasPrefix(o, "-") && !short.MatchString(o) && strings.Contains(options, "n")
	})
}
