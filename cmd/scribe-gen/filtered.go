package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
	"github.com/backube/scribe-gen/tree"
)

// dropFiltered takes the differences in what the filters leave out from the
// report. Which entries those are, rsync itself is asked: nothing else reads its
// filter rules in exactly its way.
func dropFiltered(ctx context.Context, report *tree.Report, trees local.Trees) error {
	replicated := map[string]bool{".": true}
	for _, root := range []string{trees.Source, trees.Replica} {
		if err := listReplicated(ctx, root, trees.Filters, replicated); err != nil {
			return err
		}
	}
	all := int64(len(report.Differences))
	report.Differences = slices.DeleteFunc(report.Differences, func(d tree.Difference) bool { return !replicated[d.Path] })
	left := int64(len(report.Differences))
	report.Total, report.Entries = left, report.Entries-(all-left)
	report.Differences = report.Differences[:min(left, shownDifferences)]
	return nil
}

// listReplicated adds the paths of a tree that the filters let through, as rsync
// lists them in a dry run into an empty directory.
func listReplicated(ctx context.Context, root, filters string, into map[string]bool) error {
	empty, err := os.MkdirTemp("", "scribe-verify-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(empty) }()
	cmd := exec.CommandContext(ctx, contract.ProgramRsync, "-a", "--dry-run", "--8-bit-output", "--out-format=%n",
		"--filter=merge "+filters, root+"/", empty+"/")
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("list what the filters let through: %w (Debian package rsync)", err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name := unescape(strings.TrimSuffix(lines.Text(), "/"))
		into[strings.TrimPrefix(name, "./")] = true
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("list what the filters let through in %s: rsync: %w: %s", root, err, strings.TrimSpace(problem.String()))
	}
	return lines.Err()
}

// unescape undoes rsync's escapes of bytes in names that are not printable: \#
// and three octal digits.
func unescape(name string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(name, `\#`)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		if len(after) >= 3 {
			if b, err := strconv.ParseUint(after[:3], 8, 8); err == nil {
				out.WriteByte(byte(b))
				name = after[3:]
				continue
			}
		}
		out.WriteString(`\#`)
		name = after
	}
}
