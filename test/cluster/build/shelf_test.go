package build

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func open(t *testing.T, dir string) *shelf {
	t.Helper()
	s, err := openShelf(t.Context(), dir, slog.Default())
	require.NoError(t, err)
	return s
}

// fill is a build that takes no compiler: one program named p.
func fill(work string) (string, error) {
	bin := filepath.Join(work, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return "", err
	}
	return bin, os.WriteFile(filepath.Join(bin, "p"), nil, 0o755)
}

// hangVariable names the shelf on which this test's own binary, run as a
// builder, hangs in the middle of a build until it is killed.
const hangVariable = "BUILD_TEST_HANG"

func TestHangingBuilder(t *testing.T) {
	dir := os.Getenv(hangVariable)
	if dir == "" {
		t.Skip("is run by TestKilledBuildDoesNotBlockTheNext")
	}
	s := open(t, dir)
	_, err := s.publish("key", func(work string) (string, error) {
		_, err := fill(work)
		fmt.Println("hanging")
		time.Sleep(time.Minute)
		return "", err
	})
	require.NoError(t, err)
}

func TestKilledBuildDoesNotBlockTheNext(t *testing.T) {
	b := newTiny(t)
	dir := filepath.Join(b.Cache, string(tiny))
	cmd := exec.Command(os.Args[0], "-test.run=^TestHangingBuilder$")
	cmd.Env = append(os.Environ(), hangVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	require.Equal(t, "hanging", lines.Text())

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = openShelf(ctx, dir, slog.Default())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, filepath.Join(dir, "lock"))

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.Len(t, entries(t, b), 1, "the killed build left its directory")
	built, err := b.ensure(t.Context(), tiny, tinyRecipe())
	require.NoError(t, err)
	assert.Equal(t, "hello none", output(t, filepath.Join(built, "tiny")))
	assert.Equal(t, []string{filepath.Base(built)}, entries(t, b))
}

func TestOneOfManyBuildersBuilds(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	builds := make(chan string, 8)
	for range 8 {
		wg.Go(func() {
			s, err := openShelf(t.Context(), dir, slog.Default())
			if !assert.NoError(t, err) {
				return
			}
			defer s.close()
			if _, ok := s.find("key", []string{"p"}); ok {
				return
			}
			_, err = s.publish("key", func(work string) (string, error) {
				builds <- work
				return fill(work)
			})
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Len(t, builds, 1)
}

func TestOldEntriesAreRemoved(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.close()
	old := time.Now().Add(-time.Hour)
	for i, key := range []string{"a", "b"} {
		dir, err := s.publish(key, fill)
		require.NoError(t, err)
		then := old.Add(time.Duration(i) * time.Minute)
		require.NoError(t, os.Chtimes(dir, then, then))
	}
	// Finding an entry makes it newer than one that was built after it.
	_, ok := s.find("a", []string{"p"})
	require.True(t, ok)
	_, err := s.publish("c", fill)
	require.NoError(t, err)

	has := func(key string) bool { _, ok := s.find(key, []string{"p"}); return ok }
	assert.True(t, has("a"))
	assert.False(t, has("b"))
	assert.True(t, has("c"))
}
