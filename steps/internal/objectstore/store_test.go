package objectstore

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/internal/retention"
)

func isNoGeneration(err error) bool { return errors.Is(err, ErrNoGeneration) }

// Every store keeps what it is given: records, content of every size and name,
// ranges of it, manifests, markers and pins.
func TestStores(t *testing.T) {
	eachStore(t, func(t *testing.T, config Config) {
		s := open(t, config)
		_, err := s.Latest(t.Context())
		require.ErrorIs(t, err, ErrNoGeneration)
		_, err = s.Generation(t.Context(), 1)
		require.ErrorIs(t, err, ErrNoGeneration)

		long := strings.Repeat("n", 255)
		first := files{
			"a": "alpha", "empty": "", "dir/b": "beta", "dir/large": big(3 << 20), "exact": big(1 << 20),
			"odd \n\t\x01name": "control", "not \xff\xfe UTF-8": "bytes", "quote‛．": "quote", " space ": "space", "+%&?#:*\\\"": "url",
			"ünï/日本": "unicode", long: "long", strings.Repeat("d/", 400) + "deep": "deep", "...": "dots", "-": "dash", ".hidden": "hidden",
			"a b/" + strings.Repeat("ü", 120): "long in UTF-8",
		}
		p := &publisher{t: t, store: s}
		one, err := p.push(first, start, "run-1")
		require.NoError(t, err)
		assert.EqualValues(t, 1, one.Number)

		second := files{"a": "alpha", "moved/b": "beta", "dir/large": big(3<<20) + "!", "odd \n\t\x01name": "control", "ünï/日本": "new"}
		two, err := p.push(second, start.Add(time.Hour), "run-2")
		require.NoError(t, err)
		three, err := p.push(second, start.Add(2*time.Hour), "run-3")
		require.NoError(t, err)
		assert.True(t, three.Unchanged)
		assert.Equal(t, two.Name, three.Name)

		again := open(t, config)
		latest, err := again.Latest(t.Context())
		require.NoError(t, err)
		assert.Equal(t, three, *latest)
		all, err := again.Generations(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []Generation{three, two, one}, all)
		for g, want := range map[int64]files{1: first, 2: second, 3: second} {
			record, err := again.Generation(t.Context(), g)
			require.NoError(t, err)
			got, err := pull(t.Context(), again, *record)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}

		in, err := again.Get(t.Context(), one.Name, "", "dir/large", 70_000, 100_000)
		require.NoError(t, err)
		data, err := io.ReadAll(in)
		require.NoError(t, err)
		require.NoError(t, in.Close())
		assert.Equal(t, big(3 << 20)[70_000:170_000], string(data), "a range")
		in, err = again.Get(t.Context(), one.Name, "", "dir/large", 3<<20-5, -1)
		require.NoError(t, err)
		data, err = io.ReadAll(in)
		require.NoError(t, err)
		require.NoError(t, in.Close())
		assert.Equal(t, big(3 << 20)[3<<20-5:], string(data), "the end")

		_, err = again.Get(t.Context(), one.Name, "", "absent", 0, -1)
		require.ErrorIs(t, err, ErrGone)
		_, err = again.Get(t.Context(), "absent", "", "a", 2, 3)
		require.ErrorIs(t, err, ErrGone)
		_, err = again.Manifest(t.Context(), "absent")
		require.ErrorIs(t, err, ErrGone)

		testMarkers(t, again)

		done, err := again.Collect(t.Context(), Collection{Policy: retention.Policy{Last: 1}, Now: start.Add(3 * time.Hour)})
		require.NoError(t, err)
		assert.Equal(t, 2, done.Generations, "the first, and the one that the third stands for")
		assert.Equal(t, 1, done.Manifests)
		_, err = again.Get(t.Context(), one.Name, "", "exact", 0, -1)
		require.ErrorIs(t, err, ErrGone)
		got, err := pull(t.Context(), again, three)
		require.NoError(t, err)
		assert.Equal(t, second, got)
	})
}

func testMarkers(t *testing.T, s *Store) {
	t.Helper()
	name := GenerationName(start.Add(5*time.Hour), "run-5")
	require.ErrorIs(t, s.Alive(t.Context(), name), ErrGone)
	resumed, err := s.Begin(t.Context(), Push{Name: name, Run: "run-5", Parent: 3, Started: start})
	require.NoError(t, err)
	assert.False(t, resumed)
	require.NoError(t, s.Alive(t.Context(), name))
	stored, err := s.Put(t.Context(), name, content("x/kept", "kept"))
	require.NoError(t, err)
	assert.Empty(t, stored.Object)

	resumed, err = s.Begin(t.Context(), Push{Name: name, Run: "run-5", Parent: 3, Started: start.Add(time.Hour)})
	require.NoError(t, err)
	assert.True(t, resumed)
	var marker Push
	require.NoError(t, s.readJSON(t.Context(), pushName(name), &marker))
	assert.Equal(t, start, marker.Started)
	marker.Seen = start
	require.NoError(t, s.writeJSON(t.Context(), pushName(name), marker))
	require.NoError(t, s.Alive(t.Context(), name))
	require.NoError(t, s.readJSON(t.Context(), pushName(name), &marker))
	assert.WithinDuration(t, time.Now(), marker.Seen, time.Minute, "at work still")

	left, err := s.Uploaded(t.Context(), name, "x")
	require.NoError(t, err)
	assert.EqualValues(t, 4, left["x/kept"].Size)
	left, err = s.Uploaded(t.Context(), name, "absent")
	require.NoError(t, err)
	assert.Empty(t, left)
	require.NoError(t, s.Abandon(t.Context(), name))
	require.ErrorIs(t, s.Alive(t.Context(), name), ErrGone)
	_, err = s.Get(t.Context(), name, "", "x/kept", 0, -1)
	require.ErrorIs(t, err, ErrGone)
	require.NoError(t, s.Done(t.Context(), name), "twice is no error")

	require.NoError(t, s.Pin(t.Context(), Reader{Relationship: "wiki-edge", Generation: 2, Name: "x", Until: start}))
	require.NoError(t, s.Pin(t.Context(), Reader{Relationship: "wiki-edge", Generation: 3, Name: "y", Until: start}))
	pins, err := readAll[Reader](t.Context(), s, dirReaders)
	require.NoError(t, err)
	assert.Equal(t, []Reader{{Relationship: "wiki-edge", Generation: 3, Name: "y", Until: start}}, pins)
	require.NoError(t, s.Unpin(t.Context(), "wiki-edge"))
	require.NoError(t, s.Unpin(t.Context(), "wiki-edge"), "twice is no error")
}

// A file that is not what it was said to be is told from a store that fails.
func TestPutOfChangedFiles(t *testing.T) {
	s := localStore(t)
	for name, size := range map[string]int{"small": 100, "large": 2 << 20} {
		for change, really := range map[string]int{"shrunk": size - 1, "grown": size + 1, "empty": 0} {
			c := content("file", big(really))
			c.Size = int64(size)
			_, err := s.Put(t.Context(), "layer", c)
			require.ErrorIs(t, err, ErrChanged, "%s %s", name, change)
		}
	}
	c := content("file", "x")
	c.Open = func() (io.ReadCloser, error) { return nil, os.ErrPermission }
	_, err := s.Put(t.Context(), "layer", c)
	require.ErrorIs(t, err, os.ErrPermission)
}

// What a manifest says does not lead out of the content.
func TestNamesThatLeadElsewhere(t *testing.T) {
	s := localStore(t)
	for _, name := range [][3]string{
		{"..", "", "a"}, {"", "", "a"}, {"l", "generations/00000001.json", "a"}, {"l", "files/../x", "a"}, {"l/m", "", "a"},
		{"l", "long", "a"}, {"l", "files//a", "a"}, {"l", "", "../a"},
	} {
		_, err := s.Get(t.Context(), name[0], name[1], name[2], 0, -1)
		require.ErrorContains(t, err, "no name of content", "%q", name)
		assert.NotErrorIs(t, err, ErrGone)
	}
}

// Content stays under its own path where a store can take that.
func TestObjectName(t *testing.T) {
	plain := localStore(t)
	dir := configDir(t, map[string]string{"rclone.conf": cryptConfig("sealed", t.TempDir())})
	sealed := open(t, Config{Remote: "sealed:", ConfigDir: dir})
	for path, want := range map[string]struct{ plain, sealed bool }{
		"a":                               {true, true},
		"dir/ü/日本 +%.txt":                 {true, true},
		strings.Repeat("n", maxComponent): {true, true},
		"x/" + strings.Repeat("n", maxComponent+1):     {false, false},
		strings.Repeat("0123456789/", 40) + "short":    {true, false},
		strings.Repeat("0123456789/", 46):              {false, false},
		strings.Repeat("0123456789/", 45) + "too-long": {false, false},
		"line\nfeed": {false, false},
		"\xff":       {false, false},
	} {
		for s, isPlain := range map[*Store]bool{plain: want.plain, sealed: want.sealed} {
			object, remote := s.ObjectName(path)
			if isPlain {
				assert.Equal(t, []string{"", "files/" + path}, []string{object, remote})
				continue
			}
			assert.Regexp(t, "^long/[0-9a-f]{32}$", object, "%q", path)
			assert.Equal(t, object, remote)
		}
	}
}
