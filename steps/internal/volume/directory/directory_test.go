package directory_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/directory"
	"github.com/backube/scribe-gen/steps/internal/volume/volumetest"
)

// The variables tell a child of the suite what to do.
const (
	siteVariable      = "SCRIBE_TEST_SITE"
	operationVariable = "SCRIBE_TEST_OPERATION"
)

func TestMain(m *testing.M) {
	site := os.Getenv(siteVariable)
	if site == "" {
		os.Exit(m.Run())
	}
	store, err := directory.Open(site, slog.New(slog.DiscardHandler))
	if err == nil {
		err = volumetest.Do(context.Background(), store, os.Getenv(operationVariable))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestConformance(t *testing.T) {
	volumetest.Run(t, func(t *testing.T) volumetest.Harness { return newSite(t) })
}

func TestConformanceKilled(t *testing.T) {
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	volumetest.RunKilled(t, rounds, 60*time.Millisecond, func(t *testing.T) volumetest.KillHarness { return newSite(t) })
}

// site is a directory site for tests.
type site struct {
	dir   string
	store *directory.Store
}

func newSite(t *testing.T) *site {
	dir := t.TempDir()
	store, err := directory.Open(dir, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return &site{dir: dir, store: store}
}

func (s *site) Store() volume.Store { return s.store }

func (s *site) Write(t *testing.T, claim string, files map[string]string) {
	root := s.store.Layout().Volume(claim)
	require.NoError(t, os.MkdirAll(root, 0o755))
	for path, content := range files {
		file := filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
	}
}

func (s *site) Read(t *testing.T, claim string) map[string]string {
	root := s.store.Layout().Volume(claim)
	if _, err := os.Stat(root); os.IsNotExist(err) {
		return nil
	}
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, root+"/")] = string(content)
		return err
	}))
	return files
}

// Abandon takes a snapshot's name and record away: it was about to be published.
func (s *site) Abandon(t *testing.T, req volume.CutRequest) func() bool {
	_, err := s.store.Cut(t.Context(), req)
	require.NoError(t, err)
	final := s.store.Layout().Snapshot(req.Claim, req.Name)
	partial := filepath.Join(filepath.Dir(final), "."+req.Name+".ABCDEFGHIJ.partial")
	require.NoError(t, os.Rename(final, partial))
	require.NoError(t, os.Remove(s.store.Layout().SnapshotFile(req.Claim, req.Name)))
	return func() bool {
		_, err := os.Stat(partial)
		return err == nil
	}
}

// Hold does what a listener does.
func (s *site) Hold(t *testing.T, claim string) func() {
	release, _, err := volume.LockRoot(t.Context(), s.store.Layout().Volume(claim))
	require.NoError(t, err)
	return release
}

func (s *site) Child(t *testing.T, operation string) *exec.Cmd {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), siteVariable+"="+s.dir, operationVariable+"="+operation)
	cmd.Stderr = os.Stderr
	return cmd
}

// Leftovers are hidden entries that are no record of a tree beside them.
func (s *site) Leftovers(t *testing.T) []string {
	var left []string
	hidden, err := filepath.Glob(s.dir + "/*/.*")
	require.NoError(t, err)
	deeper, err := filepath.Glob(s.dir + "/snapshots/*/.*")
	require.NoError(t, err)
	for _, path := range append(hidden, deeper...) {
		name, isRecord := strings.CutSuffix(strings.TrimPrefix(filepath.Base(path), "."), ".json")
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), name)); err != nil || !isRecord {
			left = append(left, path)
		}
	}
	return left
}
