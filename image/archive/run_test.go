package archive_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/image/archive"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/treetest"
)

// users are root, the image's user, and one that nobody has heard of.
var users = []uint32{0, 65532, 1000680000}

// Every program of the image runs, as any user, with a read-only root.
func TestProgramsRun(t *testing.T) {
	report, img := image(t)
	c := newContainer(t, img)
	for _, user := range users {
		t.Run(fmt.Sprint(user), func(t *testing.T) {
			assert.Contains(t, c.run(user, "/usr/bin/rsync", "--version"), "protocol version")
			for _, file := range paths(report) {
				if strings.HasPrefix(file, archive.Programs+"/") {
					assert.Contains(t, c.run(user, file, "--help"), "Usage", file)
				}
			}
		})
	}
}

// The image's rsync copies everything that a replica must keep: with root's
// rights all of it, and as another user what that user owns.
func TestRsyncCopies(t *testing.T) {
	_, img := image(t)
	for _, user := range users {
		t.Run(fmt.Sprint(user), func(t *testing.T) {
			c := newContainer(t, img)
			source, replica := filepath.Join(c.data, "source"), filepath.Join(c.data, "replica")
			options := []treetest.Option{treetest.NoHuge(), treetest.MaxPath(3000)}
			if user != 0 {
				options = append(options, treetest.Unprivileged())
			}
			require.NoError(t, os.MkdirAll(source, 0o755))
			treetest.Make(t, source, options...)
			require.NoError(t, os.Mkdir(replica, 0o755))
			c.give(user)
			c.run(user, "/usr/bin/rsync", "-aAXHS", "--numeric-ids", "/data/source/", "/data/replica")
			treetest.Equal(t, source, replica, tree.Options{})
		})
	}
}

// give makes everything in the volume a user's, who may then read all of it.
func (c *container) give(user uint32) {
	c.t.Helper()
	if user == 0 {
		return
	}
	require.NoError(c.t, filepath.WalkDir(c.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		// Only root's listener takes set-ID files: they would run as somebody else.
		readable := info.Mode()&^(fs.ModeSetuid|fs.ModeSetgid) | 0o400
		if d.IsDir() {
			readable |= 0o700
		}
		if err := os.Lchown(path, int(user), int(user)); err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chmod(path, readable) // after the owner, which takes setuid away
	}))
}

// A whole run from keys to commit works in the image, and its replica snapshot
// is like the source.
func TestReplicationRuns(t *testing.T) {
	_, img := image(t)
	for _, user := range users {
		t.Run(fmt.Sprint(user), func(t *testing.T) {
			c := newContainer(t, img)
			source, site := filepath.Join(c.data, "source"), contract.Layout{Directory: "/data/site"}
			require.NoError(t, os.MkdirAll(source, 0o755))
			treetest.Make(t, source, treetest.NoHuge(), treetest.Unprivileged(), treetest.MaxPath(3000))
			require.NoError(t, os.MkdirAll(filepath.Join(c.data, "site/volumes/replica"), 0o755))
			c.give(user)

			common := contract.Common{Relationship: "wiki-dr", Run: "run-1", TerminationFile: "/data/outcome"}
			port := freePort(t)
			c.step(user, &contract.RsyncKeys{
				Common: common, Site: contract.Site{Directory: site.Directory}, Address: "127.0.0.1", Port: port,
			}).wait()
			listen := c.step(user, &contract.RsyncListen{
				Common:  contract.Common{Relationship: "wiki-dr"},
				Site:    contract.Site{Directory: site.Directory},
				Replica: contract.Replica{Claim: "replica", Root: site.Volume("replica")},
				Keys:    site.Secret(contract.ListenerSecret("wiki-dr")),
				Listen:  fmt.Sprintf("127.0.0.1:%d", port), Window: time.Minute, Grace: 100 * time.Millisecond,
			})
			c.step(user, &contract.RsyncPush{
				Common: common, Root: "/data/source", Keys: site.Secret(contract.PushSecret("wiki-dr")),
				RecoveryPoint: time.Now().UTC().Format(time.RFC3339Nano), ConnectTimeout: 30 * time.Second,
			}).wait()
			listen.wait()

			text, err := os.ReadFile(filepath.Join(c.data, "outcome"))
			require.NoError(t, err)
			var outcome contract.Outcome
			require.NoError(t, json.Unmarshal(text, &outcome))
			snapshot := site.Snapshot("replica", outcome.Snapshot)
			treetest.Equal(t, source, filepath.Join(c.root, snapshot), tree.Options{NoLostFound: true})
		})
	}
}

// step starts a step as bundles do: by the link with its program's name.
func (c *container) step(user uint32, command contract.Command) *process {
	c.t.Helper()
	program := archive.Programs + "/" + command.Program()
	target, err := os.Readlink(filepath.Join(c.root, program))
	require.NoError(c.t, err)
	require.Equal(c.t, archive.Binary, target)
	return c.start(user, program, contract.Args(command)...)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
