package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/tree"
)

// Paths below the demo's directory, as the example's spec has them.
const (
	exampleDir = "examples/local"
	specFile   = exampleDir + "/replication.yaml"
	primary    = "demo/primary"
	secondary  = "demo/secondary"
	claim      = "data"
	promoted   = "data-promoted"
)

// demo is a demo under way.
type demo struct {
	dir, bin string
	out      io.Writer
}

// play goes through the stages; each fails when what it shows is not so.
func (d *demo) play(ctx context.Context) error {
	for _, stage := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"A sample volume: files of every kind, in " + primary + "/volumes/" + claim, d.makeSample},
		{"The same spec compiled for Argo Workflows, a bundle for each site", d.compile},
		{"The first run: everything travels; then both trees are compared, entry by entry", d.replicate},
		{"The source changes: edits, deletions, renames, a file becomes a directory", d.change},
		{"The second run: only the changes travel", d.replicateChanges},
		{"How old is the replica, and when is it renewed?", d.status},
		{"Disaster: the replica becomes the application's volume", d.promote},
		{"Once promoted, the old primary can no longer overwrite the replica: exit code 78", d.refused},
		{"One to many: published to an object store, pulled by two edges", d.fanOut},
		{"The source changes again: what did not change is not uploaded twice", d.fanOutChanges},
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		fmt.Fprintf(d.out, "\n== %s\n", stage.title)
		if err := stage.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) compile(ctx context.Context) error {
	bundle, err := d.scribe(ctx, io.Discard, contract.ExitDone, "generate", "-f", specFile, "-e", "argo")
	if err != nil {
		return err
	}
	summary, err := summarizeObjects(bundle)
	if err != nil {
		return err
	}
	fmt.Fprint(d.out, summary)
	return nil
}

func (d *demo) replicate(ctx context.Context) error {
	_, err := d.scribe(ctx, d.out, contract.ExitDone, "run", "-f", specFile, "--verify")
	return err
}

// replicateChanges runs again and checks that what crossed the connection is a
// small part of the data.
func (d *demo) replicateChanges(ctx context.Context) error {
	if err := d.replicate(ctx); err != nil {
		return err
	}
	commit, err := d.lastCommit()
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "%s of %s crossed the connection.\n", size(commit.Totals.Wire), size(commit.Totals.Bytes))
	if commit.Totals.Wire*4 > commit.Totals.Bytes {
		return errors.New("the second run sent more than a quarter of the data, although little had changed")
	}
	return nil
}

func (d *demo) status(ctx context.Context) error {
	_, err := d.scribe(ctx, d.out, contract.ExitDone, "status", "-f", specFile)
	return err
}

// promote promotes and compares the new volume with the snapshot that it was
// made from.
func (d *demo) promote(ctx context.Context) error {
	if _, err := d.scribe(ctx, d.out, contract.ExitDone, "promote", "-f", specFile); err != nil {
		return err
	}
	commit, err := d.lastCommit()
	if err != nil {
		return err
	}
	site := contract.Layout{Directory: filepath.Join(d.dir, secondary)}
	report, err := tree.Compare(site.Snapshot(claim, commit.Snapshot), site.Volume(promoted), tree.Options{NoOwners: os.Geteuid() != 0})
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "%s compared with its replica snapshot: %s\n", promoted, report)
	if !report.Equal() {
		return errors.New("the promoted volume is not the replica snapshot")
	}
	return nil
}

func (d *demo) refused(ctx context.Context) error {
	_, err := d.scribe(ctx, d.out, contract.ExitRefused, "run", "-f", specFile)
	return err
}

// lastCommit reads what the destination recorded last.
func (d *demo) lastCommit() (*contract.Commit, error) {
	var state contract.State
	b, err := os.ReadFile(contract.Layout{Directory: filepath.Join(d.dir, secondary)}.State("demo-there"))
	if err == nil {
		err = json.Unmarshal(b, &state)
	}
	if err != nil {
		return nil, fmt.Errorf("read the state of the relationship: %w", err)
	}
	if state.Last == nil {
		return nil, errors.New("no run was committed")
	}
	return state.Last, nil
}

// scribe shows and runs a command of scribe-gen and returns its output, which
// also goes to shown, after what it tells on stderr meanwhile. Another exit code
// than want is an error.
func (d *demo) scribe(ctx context.Context, shown io.Writer, want int, args ...string) ([]byte, error) {
	fmt.Fprint(d.out, "$ scribe-gen")
	for _, arg := range args {
		fmt.Fprint(d.out, " ", arg)
	}
	fmt.Fprintln(d.out)
	var stdout bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, "scribe-gen"), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = d.dir, &stdout, d.out
	cmd.Env = append(os.Environ(), "SCRIBE_STEPS="+filepath.Join(d.bin, "steps"))
	// It stops its steps and removes what is temporary, which takes a moment.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	if _, err := shown.Write(stdout.Bytes()); err != nil {
		return nil, err
	}
	if code := cmd.ProcessState.ExitCode(); code != want {
		return nil, fmt.Errorf("scribe-gen %s ended with exit code %d, not %d", args[0], code, want)
	}
	return stdout.Bytes(), nil
}

func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
