package stepdoc

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
)

var update = flag.Bool("update", false, "write docs/steps.md")

const referenceFile = "../../../docs/steps.md"

// binaries builds the steps and returns how to run them.
func binaries(t *testing.T) Runner {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+"/")
	for _, program := range []string{contract.ProgramSnapshot, contract.ProgramRsync, contract.ProgramRclone, contract.ProgramPromote, contract.ProgramTekton} {
		build.Args = append(build.Args, steps+"/"+program)
	}
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return func(program string, args ...string) (string, string) {
		cmd := exec.Command(filepath.Join(dir, program), args...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run() // without arguments they end with contract.ExitUsage
		return stdout.String(), stderr.String()
	}
}

// TestReferenceIsCurrent compares docs/steps.md with the contract, the source and
// the binaries.
func TestReferenceIsCurrent(t *testing.T) {
	want, err := Reference(binaries(t))
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(referenceFile, want, 0o644))
	}
	got, err := os.ReadFile(referenceFile)
	require.NoError(t, err, "write it with: go generate ./steps/internal/stepdoc")
	assert.True(t, bytes.Equal(want, got), "docs/steps.md is not that of the steps; write it with: go generate ./steps/internal/stepdoc")
}

func TestEverythingIsDescribed(t *testing.T) {
	src, err := read(steps)
	require.NoError(t, err)
	w := &writer{src: src}
	for _, c := range w.constants(func(c constant) bool { return c.kind == "Refusal" || c.kind == "Result" }) {
		assert.NotEmpty(t, c.doc, c.name)
	}
	for _, name := range []string{"Outcome", "State", "Commit", "Totals", "Promotion", "Pause", "Writing"} {
		fields, err := src.fields(name)
		require.NoError(t, err)
		require.NotEmpty(t, fields, name)
		for _, f := range fields {
			assert.NotEmpty(t, f.doc, "%s.%s has no comment", name, f.name)
		}
	}
	for _, c := range contract.Commands() {
		contract.Flags(c).VisitAll(func(f *flag.Flag) { assert.NotEmpty(t, f.Usage, "%s --%s", name(c), f.Name) })
	}
}

func TestSentence(t *testing.T) {
	for _, test := range []struct{ name, doc, want string }{
		{"RefusedBusy", "RefusedBusy: another run is\nunder way.", "Another run is under way."},
		{"ResultDone", "ResultDone means that it did.", "It did."},
		{"Step", "Step is the binary.", "The binary."},
		{"ExitUsage", "ExitUsage means wrong arguments.", "Wrong arguments."},
		{"SnapshotCreate", "SnapshotCreate makes the copy.", "Makes the copy."},
		{"Other", "Seconds are long.", "Seconds are long."},
		{"None", "", ""},
	} {
		assert.Equal(t, test.want, sentence(test.name, test.doc))
	}
}
