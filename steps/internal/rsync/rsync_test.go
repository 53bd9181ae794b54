package rsync

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/process"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/survey"
)

var everything = protocol.Keeps{Owners: true, Devices: true, Capabilities: true, Trusted: true}

func job(t *testing.T, files map[string]string) Job {
	t.Helper()
	program, err := Find("")
	require.NoError(t, err, "this test needs rsync: apt-get install rsync")
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, "source", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return Job{Program: program, Source: filepath.Join(dir, "source"), Destination: filepath.Join(dir, "replica") + "/", Keeps: everything}
}

// Progress and statistics are read from what this rsync really prints.
func TestRunCounts(t *testing.T) {
	j := job(t, map[string]string{"a": strings.Repeat("x", 3<<20), "b/c": "y", "b/d": "z"})
	var last Progress
	stats, err := j.Run(context.Background(), func(p Progress) { last = p })
	require.NoError(t, err)
	assert.Equal(t, Stats{Entries: 5, Created: 5, Transferred: 3, Size: 3<<20 + 2, Sent: 3<<20 + 2}, stats)
	assert.Equal(t, Progress{Bytes: 3<<20 + 2, Percent: 100, Files: 3, Checked: 5, Known: 5}, last)

	require.NoError(t, os.RemoveAll(filepath.Join(j.Source, "b")))
	would, err := j.Deletions(context.Background(), 2)
	require.NoError(t, err)
	assert.Equal(t, Deletions{Count: 3, Names: []string{"b/d", "b/c"}, Replica: 5}, would)
	stats, err = j.Run(context.Background(), func(Progress) {})
	require.NoError(t, err)
	assert.Equal(t, int64(3), stats.Deleted)
}

func TestErrorsSayWhat(t *testing.T) {
	j := job(t, map[string]string{"a": "x"})
	j.Source += "/missing"
	_, err := j.Run(context.Background(), func(Progress) {})
	var exit *ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, codePartial, exit.Code)
	assert.ErrorContains(t, err, "partial transfer due to error")
	assert.ErrorContains(t, err, "missing")
	assert.False(t, exit.Permanent())
	assert.True(t, (&ExitError{Code: codeUsage}).Permanent())
	assert.True(t, (&ExitError{Code: codeVanished}).Vanished())

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = job(t, map[string]string{"a": "x"}).Run(ctx, func(Progress) {})
	assert.ErrorIs(t, err, context.Canceled)
}

func TestArgs(t *testing.T) {
	base := Job{Program: "rsync", Source: "/data/", Destination: "scribe:.", Shell: "x rsh", Keeps: everything}
	has := func(j Job, want string) bool { return strings.Contains(strings.Join(j.Args(), "\n")+"\n", want+"\n") }
	assert.True(t, has(base, "/data/\nscribe:."), "one slash at the end of the source")
	assert.True(t, has(base, "--rsh=x rsh"))
	assert.False(t, has(base, "--inplace"), "nothing is known of the replica's links")
	assert.True(t, has(base, "-aAXHS"))

	surveyed := base
	surveyed.Survey = &survey.Result{Largest: 1 << 30, Sparse: true, Replica: survey.Replica{ReplicaEntries: 9}}
	assert.True(t, has(surveyed, "--inplace\n--block-size=4096"))
	assert.False(t, has(surveyed, "--no-sparse"))
	surveyed.Survey = &survey.Result{Largest: 1 << 40, Replica: survey.Replica{ReplicaEntries: 9}}
	assert.False(t, has(surveyed, "--block-size=4096"), "a block list of a huge file would fill the memory")
	assert.True(t, has(surveyed, "--no-sparse"))

	restricted := surveyed
	restricted.Keeps = protocol.Keeps{UID: 7}
	assert.False(t, has(restricted, "--inplace"))
	assert.True(t, has(restricted, "--no-owner\n--no-group\n--no-devices"))

	far := base
	far.RoundTrip = 50 * time.Millisecond
	assert.True(t, has(far, "--no-inc-recursive"))
	far.List = "/tmp/list"
	assert.False(t, has(far, "--no-inc-recursive"), "a list is not recursed into")
	assert.True(t, has(far, "--from0\n--files-from=/tmp/list\n--dirs"))

	changes := surveyed
	changes.List, changes.DeleteMissing, changes.IgnoreTimes, changes.Live = "/tmp/list", true, true, true
	assert.True(t, has(changes, "--files-from=/tmp/list\n--dirs\n--delete-missing-args\n--ignore-times"))
	assert.False(t, has(changes, "--ignore-missing-args"), "rsync takes one of both")
	assert.True(t, has(changes, "--inplace"))
	changes.Fresh = true
	assert.False(t, has(changes, "--inplace"), "other names of a file would be written through")
	content := base
	content.Checksum = true
	assert.True(t, has(content, "--checksum"))
	assert.NotContains(t, content.DryRunArgs(), "--checksum", "what is deleted does not depend on content")

	limited := base
	limited.BytesPerSecond, limited.Compress = 50<<20, true
	assert.True(t, has(limited, "--bwlimit=51200.00K"))
	assert.True(t, has(limited, "--compress"))
}

func TestFindPassesOverItself(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(self, filepath.Join(dir, "rsync")))
	real, err := exec.LookPath("rsync")
	require.NoError(t, err, "this test needs rsync: apt-get install rsync")
	t.Setenv("PATH", dir+":"+filepath.Dir(real))
	found, err := Find("")
	require.NoError(t, err)
	assert.Equal(t, real, found)
	t.Setenv("PATH", dir)
	_, err = Find("")
	assert.ErrorContains(t, err, "install")
}

func FuzzParseProgress(f *testing.F) {
	f.Add("  1234567  12%  10.00MB/s    0:00:12 (xfr#5, to-chk=10/200)")
	f.Add("      32768 100%    0.00kB/s    0:00:00 (xfr#1, ir-chk=1009/1021)")
	f.Add("Number of deleted files: 12 (reg: 10, dir: 2)")
	f.Add("Total file size: 1,234 bytes")
	f.Fuzz(func(t *testing.T, line string) {
		if p, ok := ParseProgress(line); ok {
			require.True(t, p.Percent >= 0 && p.Percent <= 100)
			require.True(t, p.Bytes >= 0 && p.Files >= 0)
			require.True(t, p.Checked >= 0 && p.Checked <= p.Known, "%+v", p)
		}
		var s Stats
		s.Read(line)
		for _, n := range []int64{s.Entries, s.Created, s.Deleted, s.Transferred, s.Size, s.Sent} {
			require.GreaterOrEqual(t, n, int64(0))
		}
	})
}

func TestOnlyVanished(t *testing.T) {
	for said, want := range map[string]bool{
		"file has vanished: \"/data/x\"\nrsync warning: some files vanished before they could be transferred (code 24)":             true,
		"rsync: [sender] get_acl: sys_acl_get_file(x, ACL_TYPE_ACCESS): No such file or directory (2)\nrsync error: some (code 23)": true,
		"rsync: [sender] change_dir \"/data\" failed: No such file or directory (2)\nrsync error: some files (code 23)":             false,
		"rsync: [receiver] mkstemp \"x\" failed: No such file or directory (2)":                                                     false,
		"rsync: [sender] send_files failed to open \"x\": Permission denied (13)":                                                   false,
		"rsync error: some files/attrs were not transferred (code 23)":                                                              false,
	} {
		c := hear(said)
		assert.Equal(t, want, c.only(c.vanished), said)
	}
}

func TestOnlyRoot(t *testing.T) {
	root := "rsync: [generator] failed to set times on \"/data/.\": Operation not permitted (1)\n"
	for said, want := range map[string]bool{
		root + "rsync error: some files/attrs were not transferred (code 23) at main.c(1394)":             true,
		root + "rsync: [generator] failed to set permissions on \"/data/.\": Operation not permitted (1)": true,
		root + "rsync: [generator] failed to set times on \"/data/a\": Operation not permitted (1)":       false,
		root + "rsync: [receiver] mkstemp \"/data/.x.a\" failed: Permission denied (13)":                  false,
		"rsync error: some files/attrs were not transferred (code 23)":                                    false,
	} {
		c := hear(said)
		assert.Equal(t, want, c.only(c.root), said)
	}
}

func hear(said string) *complaints {
	c := &complaints{tail: process.Tail{Limit: tailSize}}
	l := &process.Lines{Each: c.line}
	_, _ = l.Write([]byte(said))
	l.Flush()
	return c
}
