package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume/clone"
	"github.com/backube/scribe-gen/steps/internal/volume/directory"
	"github.com/backube/scribe-gen/test/s3"
	"github.com/backube/scribe-gen/test/s3/fault"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/sample"
	"github.com/backube/scribe-gen/tree/treetest"
)

const (
	edgeRelationship = "wiki-edge"
	edgeClaim        = "replica"
	// nobody is a user without any right.
	nobody = 64123
)

// edge is a destination that pulls from the object store of a source.
type edge struct {
	*source
	dest   contract.Layout
	store  *directory.Store
	change []func(*exec.Cmd)
}

func newEdge(s *source) *edge {
	s.t.Helper()
	e := &edge{source: s, dest: contract.Layout{Directory: filepath.Join(s.t.TempDir(), "edge")}}
	require.NoError(s.t, os.MkdirAll(e.replica(), 0o755))
	var err error
	e.store, err = directory.Open(e.dest.Directory, slog.New(slog.DiscardHandler))
	require.NoError(s.t, err)
	return e
}

func (e *edge) replica() string { return e.dest.Volume(edgeClaim) }

func (e *edge) pull(run string, extra ...string) *process {
	e.t.Helper()
	return start(e.t, append(contract.Args(&contract.RclonePull{
		Common:      contract.Common{Replication: replication, Relationship: edgeRelationship, Run: run},
		Site:        contract.Site{Directory: e.dest.Directory},
		ObjectStore: contract.ObjectStore{Remote: e.remote, Config: e.config, CA: e.ca},
		Replica:     contract.Replica{Claim: edgeClaim, Root: e.replica()},
	}), extra...), e.change...)
}

// last is the last commit of the edge.
func (e *edge) last() *contract.Commit {
	e.t.Helper()
	state, _, err := e.store.Load(e.t.Context(), edgeRelationship)
	require.NoError(e.t, err)
	return state.Last
}

// equal requires the last replica snapshot to be like a tree.
func (e *edge) equal(wanted string) {
	e.t.Helper()
	treetest.Equal(e.t, wanted, e.dest.Snapshot(edgeClaim, e.last().Snapshot), tree.Options{})
}

func TestPullWhatWasPushed(t *testing.T) {
	s, _ := localSource(t)
	treetest.Make(t, s.root, treetest.NoHuge())
	e := newEdge(s)
	s.publish("push-0")
	e.pull("pull-0").done()
	e.equal(s.root)
	rng := sample.NewRand(21)
	for i := 1; i < 4; i++ {
		treetest.Mutate(t, s.root, rng)
		s.publish("push-"+runID(i), "--max-delete=100%")
		e.pull("pull-" + runID(i)).done()
		e.equal(s.root)
	}
	treetest.Equal(t, s.root, e.replica(), tree.Options{})
}

// The same holds through S3 servers with TLS and a CA of their own, with
// encryption, and over a network that fails now and then.
func TestPullFromS3(t *testing.T) {
	for _, kind := range s3.Kinds() {
		for _, crypt := range []bool{false, true} {
			if crypt && kind != s3.Rclone {
				continue // what a server sees of it is objects of other names
			}
			t.Run(fmt.Sprintf("%s, crypt %t", kind, crypt), func(t *testing.T) {
				var hook atomic.Pointer[fault.Hook]
				s, _ := s3Source(t, kind, true, func(r *http.Request) fault.Action {
					if h := hook.Load(); h != nil {
						return (*h)(r)
					}
					return fault.Action{}
				})
				if crypt {
					s.withCrypt()
				}
				treetest.Make(t, s.root, treetest.NoHuge())
				e := newEdge(s)
				s.publish("push-0")
				e.pull("pull-0").done()
				e.equal(s.root)
				rng := sample.NewRand(33)
				for i, h := range []fault.Hook{
					fault.Every(9, fault.SlowDown(), fault.Get), fault.Every(11, fault.CutDownload(100), fault.Get), nil,
				} {
					treetest.Mutate(t, s.root, rng)
					s.publish("push-"+runID(i), "--max-delete=100%")
					hook.Store(&h)
					if h == nil {
						hook.Store(nil)
					}
					e.pull("pull-" + runID(i)).done()
					hook.Store(nil)
					e.equal(s.root)
				}
			})
		}
	}
}

// Whenever a pull is killed, the last replica snapshot stays what it was, and the
// next pull makes the replica what the source was.
func TestKilledPulls(t *testing.T) {
	s, _ := localSource(t)
	require.NoError(t, sample.Volume(s.root, 300, 4))
	e := newEdge(s)
	s.publish("push-0")
	began := time.Now()
	e.pull("pull-0").done()
	took := time.Since(began)
	committed := copyOf(t, s.root)
	rng := rand.New(rand.NewPCG(uint64(began.UnixNano()), 0))
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	for i := 1; i <= rounds; i++ {
		_, err := sample.Mutate(s.root, 60, rng)
		require.NoError(t, err)
		s.publish("push-"+runID(i), "--max-delete=100%")
		before := e.last().Run
		p := e.pull("killed-" + runID(i))
		time.Sleep(time.Duration(rng.Int64N(int64(took + took/4))))
		p.kill()
		if last := e.last(); last.Run != before { // it was committed before it was killed
			committed = copyOf(t, s.root)
		}
		e.equal(committed)
		if i%3 == 0 {
			continue // the next one meets what two killed ones left
		}
		// The same run again, or another one.
		e.pull([]string{"killed-" + runID(i), "next-" + runID(i)}[i%2]).done()
		committed = copyOf(t, s.root)
		e.equal(committed)
		treetest.Equal(t, s.root, e.replica(), tree.Options{})
	}
}

// A run whose first attempt was killed after its replica snapshot was cut, but
// before it was recorded, commits what its second attempt pulled.
func TestSecondAttemptOfNewerGeneration(t *testing.T) {
	s, _ := localSource(t)
	s.write(map[string]string{"file": "one"})
	s.publish("push-1")
	e := newEdge(s)
	e.pull("pull-1").done()
	require.NoError(t, os.Remove(e.dest.State(edgeRelationship)), "as if it was never recorded")
	s.write(map[string]string{"file": "two"})
	s.publish("push-2")
	out := e.pull("pull-1").done()
	assert.EqualValues(t, 2, out.Generation)
	assert.EqualValues(t, 2, e.last().Generation)
	e.equal(s.root)
}

func copyOf(t testing.TB, root string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.Mkdir(to, 0o755))
	_, err := clone.Tree(t.Context(), root, to, clone.Options{})
	require.NoError(t, err)
	return to
}

// restrict makes the edge's steps run as a user without privileges, who owns the
// destination site and nothing else.
func (e *edge) restrict() {
	e.t.Helper()
	require.NoError(e.t, filepath.WalkDir(e.dest.Directory, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, nobody, nobody))
	}))
	self, err := os.Executable()
	require.NoError(e.t, err)
	bin := filepath.Join(e.t.TempDir(), "step")
	binary, err := os.ReadFile(self)
	require.NoError(e.t, err)
	require.NoError(e.t, os.WriteFile(bin, binary, 0o755))
	for _, leaf := range []string{bin, e.dest.Directory, e.config} {
		for dir := filepath.Dir(leaf); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
			require.NoError(e.t, os.Chmod(dir, 0o755))
		}
	}
	require.NoError(e.t, os.Chmod(filepath.Join(e.config, contract.KeyRcloneConfig), 0o644))
	e.change = append(e.change, func(cmd *exec.Cmd) {
		cmd.Path = bin
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		for _, arg := range cmd.Args {
			if outcome, ok := cutOutcome(arg); ok {
				require.NoError(e.t, os.Chmod(filepath.Dir(outcome), 0o777))
			}
		}
	})
}

func cutOutcome(arg string) (string, bool) {
	const flag = "--termination-file="
	if len(arg) > len(flag) && arg[:len(flag)] == flag {
		return arg[len(flag):], true
	}
	return "", false
}

func TestRestrictedPull(t *testing.T) {
	s, bucket := localSource(t)
	treetest.Make(t, s.root, treetest.NoHuge(), treetest.Unprivileged())
	unprivileged(t, s.root)
	s.write(map[string]string{"closed/within/file": "content"})
	require.NoError(t, os.Chmod(s.root+"/closed/within", 0o100))
	require.NoError(t, os.Chmod(s.root+"/closed", 0))
	e := newEdge(s)
	e.restrict()
	rng := sample.NewRand(9)
	for i := range 4 {
		s.publish("push-"+runID(i), "--max-delete=100%")
		readable(t, bucket)
		// A replica snapshot of a directory site is a copy, which cannot be made of
		// files that their owner may not read.
		out := e.pull("pull-"+runID(i), "--copy-method=Direct").done()
		assert.Contains(t, out.Warnings[0], "pinned")
		treetest.Equal(t, s.root, e.replica(), tree.Options{NoOwners: true})
		treetest.Mutate(t, s.root, rng)
		unprivileged(t, s.root)
	}
	// A pull that is refused leaves the directories closed that it had to look into.
	before := modes(t, e.replica())
	require.NoError(t, os.RemoveAll(s.root+"/closed"))
	s.publish("push-last", "--max-delete=100%")
	readable(t, bucket)
	e.pull("pull-last", "--copy-method=Direct", "--max-delete=0").refused(contract.RefusedDeletions)
	assert.Equal(t, before, modes(t, e.replica()))
}

// modes are those of all entries of a tree.
func modes(t testing.TB, root string) map[string]uint32 {
	t.Helper()
	found := map[string]uint32{}
	require.NoError(t, tree.Walk(root, func(e tree.Entry) error {
		found[e.Path] = e.Mode
		return nil
	}))
	return found
}

// unprivileged takes away what a user without privileges cannot keep.
func unprivileged(t testing.TB, root string) {
	t.Helper()
	require.NoError(t, tree.Walk(root, func(e tree.Entry) error {
		if e.IsRegular() && e.Permissions()&0o6000 != 0 {
			return os.Chmod(filepath.Join(root, e.Path), os.FileMode(e.Permissions()&0o777))
		}
		return nil
	}))
}

// readable lets everybody read the object store, and nobody write to it.
func readable(t testing.TB, bucket string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(bucket, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	}))
}

func TestRestrictedPullRefusesWhatItCannotKeep(t *testing.T) {
	s, bucket := localSource(t)
	treetest.Make(t, s.root, treetest.NoHuge())
	e := newEdge(s)
	e.restrict()
	s.publish("push-0")
	readable(t, bucket)
	out := e.pull("pull-0").refused(contract.RefusedPrivileges)
	assert.Contains(t, out.Reason, "CAP_MKNOD")
	empty, err := tree.Empty(e.replica())
	require.NoError(t, err)
	assert.True(t, empty)
}
