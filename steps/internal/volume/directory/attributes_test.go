package directory_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/sample"
	"github.com/backube/scribe-gen/tree/treetest"
)

var owner = volume.Owner{Replication: "wiki", Relationship: "wiki-secondary", Run: "run-1"}

// cut makes a replica snapshot of a claim.
func (s *site) cut(t *testing.T, claim, run string) string {
	t.Helper()
	owner := owner
	owner.Run = run
	made, err := s.store.Cut(t.Context(), volume.CutRequest{
		Owner: owner, Claim: claim, Name: contract.SnapshotName(owner.Relationship, run), RecoveryPoint: time.Now(),
	})
	require.NoError(t, err)
	return made.Name
}

func TestEverythingIsKept(t *testing.T) {
	s := newSite(t)
	source := s.store.Layout().Volume("data")
	treetest.Make(t, source)
	rng := sample.NewRand(5)
	for _, run := range []string{"run-1", "run-2"} {
		made, err := s.store.Copy(t.Context(), volume.CopyRequest{Owner: owner, Claim: "data", Name: contract.CopyName(run), Method: "Auto"})
		require.NoError(t, err)
		treetest.Equal(t, source, s.store.Layout().Volume(made.Claim), tree.Options{})

		name := s.cut(t, "data", run)
		treetest.Equal(t, source, s.store.Layout().Snapshot("data", name), tree.Options{})

		require.NoError(t, s.store.Restore(t.Context(), volume.RestoreRequest{Owner: owner, Replica: "data", Snapshot: name, Claim: "of-" + run}))
		treetest.Equal(t, source, s.store.Layout().Volume("of-"+run), tree.Options{})

		require.NoError(t, s.store.DeleteSnapshot(t.Context(), "data", name))
		treetest.Mutate(t, source, rng)
	}
	_, err := s.store.RemoveTemporary(t.Context(), owner)
	require.NoError(t, err)
	assert.Empty(t, s.Leftovers(t))
}

// As any other user, too, with all that such a user can own: directories that
// may not be written to, above all.
func TestEverythingIsKeptForOthers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("TestEverythingIsKept does it for this user")
	}
	const nobody = 65534
	dir, err := os.MkdirTemp("", "scribe-unprivileged")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	self, err := os.Executable()
	require.NoError(t, err)
	program, err := os.ReadFile(self)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir+"/test", program, 0o755))
	require.NoError(t, os.Chmod(dir, 0o755))
	s := newSite(t)
	s.dir = dir + "/site"
	layout := contract.Layout{Directory: s.dir}
	treetest.Make(t, layout.Volume("data"), treetest.Unprivileged(), treetest.NoHuge())
	require.NoError(t, tree.Walker{}.Visit(s.dir, func(e tree.Entry, dir int, name string) error {
		if err := syscall.Fchownat(dir, name, nobody, nobody, 0x100); err != nil || e.IsSymlink() {
			return err
		}
		return syscall.Fchmodat(dir, name, e.Permissions(), 0)
	}))
	do := func(operation string) {
		cmd := s.Child(t, operation)
		cmd.Path = dir + "/test"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		require.NoError(t, cmd.Run(), operation)
	}
	// Files that nobody may read are not for those who are not root.
	for _, path := range []string{"modes/file 0000", "modes/file 0001", "modes/file 0111", "modes/file 0222"} {
		require.NoError(t, os.Chmod(filepath.Join(layout.Volume("data"), path), 0o444))
	}
	do("cut")
	snapshot := layout.Snapshot("data", contract.SnapshotName(owner.Relationship, "run-1"))
	treetest.Equal(t, layout.Volume("data"), snapshot, tree.Options{})
	do("copy")
	treetest.Equal(t, layout.Volume("data"), layout.Volume(contract.CopyName("run-1")), tree.Options{})
	do("remove")
	assert.NoDirExists(t, layout.Volume(contract.CopyName("run-1")))
	do("cut")
	assert.Empty(t, s.Leftovers(t))
}

// A partial belongs to whoever locks it.
func TestPartialsOfLivingProcessesStay(t *testing.T) {
	s := newSite(t)
	volumes := filepath.Join(s.dir, "volumes")
	mine, left := volumes+"/.copy.ABCDEF.partial", volumes+"/.copy.GHIJKL.partial"
	for _, dir := range []string{mine, left} {
		require.NoError(t, os.MkdirAll(dir+"/sub", 0o755))
	}
	release, f, err := volume.LockRoot(t.Context(), mine)
	require.NoError(t, err)
	child := exec.Command("sleep", "60")
	child.ExtraFiles = []*os.File{f}
	require.NoError(t, child.Start())
	release()

	removed, err := s.store.RemoveTemporary(t.Context(), owner)
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Base(left)}, removed)
	assert.DirExists(t, mine)

	require.NoError(t, child.Process.Kill())
	_ = child.Wait()
	removed, err = s.store.RemoveTemporary(t.Context(), owner)
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Base(mine)}, removed)
}

// What a crash between two steps leaves is void, and only that is collected.
func TestOnlyOwnLeftoversAreCollected(t *testing.T) {
	s := newSite(t)
	s.Write(t, "data", map[string]string{"a": "x"})
	name := s.cut(t, "data", "run-1")
	layout := s.store.Layout()
	snapshots := layout.Snapshots("data")

	require.NoError(t, os.Rename(layout.Snapshot("data", name), snapshots+"/by hand"))
	foreign := map[string]string{
		snapshots + "/.notes":                          "a person's",
		snapshots + "/.notes.json":                     `{"note": "a person's"}`,
		filepath.Join(s.dir, "volumes", ".x.json.bak"): "a person's",
	}
	for file, content := range foreign {
		require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
	}
	require.NoError(t, os.WriteFile(snapshots+"/..scribe.json12345", nil, 0o644))

	all, err := s.store.Snapshots(t.Context(), "data", owner.Relationship)
	require.NoError(t, err)
	assert.Empty(t, all, "a record without a tree is no snapshot, nor is a tree without a record")
	removed, err := s.store.RemoveTemporary(t.Context(), owner)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"." + name + ".json", "..scribe.json12345"}, removed)
	for file := range foreign {
		assert.FileExists(t, file)
	}
	assert.DirExists(t, snapshots+"/by hand")
}

func TestBrokenRecordIsNamed(t *testing.T) {
	s := newSite(t)
	s.Write(t, "data", map[string]string{"a": "x"})
	file := s.store.Layout().SnapshotFile("data", s.cut(t, "data", "run-1"))
	require.NoError(t, os.WriteFile(file, []byte("{"), 0o644))
	_, err := s.store.Snapshots(t.Context(), "data", owner.Relationship)
	assert.ErrorContains(t, err, file)
}

func TestSecretsAreForTheOwnerAlone(t *testing.T) {
	s := newSite(t)
	require.NoError(t, s.store.PutSecret(t.Context(), "keys", owner, map[string][]byte{"host.key": []byte("x")}))
	for path, want := range map[string]string{
		filepath.Join(s.dir, "secrets"): "drwx------", s.store.Layout().Secret("keys"): "drwx------",
		s.store.Layout().Secret("keys") + "/host.key": "-r--------",
	} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, want, info.Mode().String(), path)
	}
}

func TestNamesStayInside(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"", ".", "..", "../x", "a/b", ".hidden", "nul\x00"} {
		_, err := s.store.Copy(t.Context(), volume.CopyRequest{Owner: owner, Claim: name, Name: "copy"})
		assert.Error(t, err, "%q", name)
		assert.Error(t, s.store.DeleteSnapshot(t.Context(), "data", name), "%q", name)
		assert.Error(t, s.store.PutSecret(t.Context(), name, owner, nil), "%q", name)
		_, err = s.store.Secret(t.Context(), name)
		assert.Error(t, err, "%q", name)
	}
}

func TestQuiesce(t *testing.T) {
	s := newSite(t)
	require.NoError(t, s.store.Quiesce(t.Context(), "absent"))
	s.Write(t, "data", map[string]string{"a": "x"})
	require.NoError(t, s.store.Quiesce(t.Context(), "data"))
	release, _, err := volume.LockRoot(t.Context(), s.store.Layout().Volume("data"))
	require.NoError(t, err)
	time.AfterFunc(30*time.Millisecond, release)
	start := time.Now()
	require.NoError(t, s.store.Quiesce(t.Context(), "data"))
	assert.Greater(t, time.Since(start), 25*time.Millisecond)
}
