package transfer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/scan"
)

// find scans a source, keeps the index, and returns what differed from the last.
func find(t *testing.T, dir string, uncertain bool) *changes {
	t.Helper()
	c := &changes{keeps: protocol.Keeps{Owners: true, Devices: true, Capabilities: true, Trusted: true}, uncertain: uncertain}
	var err error
	c.differing, err = newList(filepath.Join(dir, "differing"))
	require.NoError(t, err)
	c.resend, err = newList(filepath.Join(dir, "resend"))
	require.NoError(t, err)
	r, err := scan.Source{Root: filepath.Join(dir, "source"), Index: filepath.Join(dir, "index")}.Run(t.Context(), c.stages())
	require.NoError(t, err)
	require.NoError(t, c.complete(&r))
	require.NoError(t, c.differing.close())
	require.NoError(t, c.resend.close())
	require.NoError(t, r.Keep())
	return c
}

func paths(t *testing.T, l list) []string {
	t.Helper()
	b, err := os.ReadFile(l.path)
	require.NoError(t, err)
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// What differs is named once, what is gone by its topmost directory, and every
// name of a file of which one differs.
func TestWhatIsNamed(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, "source", name) }
	write := func(name, content string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(in(name)), 0o755))
		require.NoError(t, os.WriteFile(in(name), []byte(content), 0o644))
	}
	for _, name := range []string{"a/1", "a/2", "gone/x/y", "gone/z", "gone.txt", "type/x", "z"} {
		write(name, "x")
	}
	require.NoError(t, os.Link(in("a/1"), in("linked")))
	find(t, dir, false)
	c := find(t, dir, false)
	assert.True(t, c.nothing())
	assert.Empty(t, paths(t, c.differing))

	require.NoError(t, os.Chmod(in(""), 0o700))
	c = find(t, dir, false)
	assert.False(t, c.nothing())
	assert.Equal(t, []string{"./a"}, paths(t, c.differing), "its parent is the root")

	for _, name := range []string{"gone", "gone.txt", "type"} {
		require.NoError(t, os.RemoveAll(in(name)))
	}
	write("type", "a file")
	write("linked", "longer")
	write("z", "longer")
	c = find(t, dir, false)
	assert.ElementsMatch(t, []string{"./gone", "./gone.txt", "./type", "./a/1", "./linked", "./z"}, paths(t, c.differing))
	assert.Equal(t, int64(6), c.gone)
	assert.Equal(t, []string{"gone", "gone/x", "gone/x/y", "gone/z", "gone.txt", "type/x"}, c.names)
	assert.False(t, c.separated)

	require.NoError(t, os.Remove(in("linked")))
	write("linked", "longer")
	c = find(t, dir, true)
	assert.True(t, c.separated)
	assert.Equal(t, []string{"./linked"}, paths(t, c.differing))
	assert.Contains(t, paths(t, c.resend), "./a/2", "what changed a moment ago may have changed again")
}
