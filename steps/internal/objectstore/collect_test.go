package objectstore

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/internal/retention"
	"github.com/backube/scribe-gen/tree/manifest"
)

// change is the next tree of a random history: files come, go, change, move and
// come back.
func change(rng *rand.Rand, tree files) files {
	next := maps.Clone(tree)
	for range rng.IntN(5) {
		path := fmt.Sprintf("d%d/f%d", rng.IntN(3), rng.IntN(5))
		if rng.IntN(6) == 0 {
			path = fmt.Sprintf("odd\x01%d", rng.IntN(3))
		}
		switch from := fmt.Sprintf("d%d/f%d", rng.IntN(3), rng.IntN(5)); rng.IntN(4) {
		case 0:
			delete(next, path)
		case 1:
			if text, ok := next[from]; ok {
				delete(next, from)
				next[path] = text
			}
		default:
			next[path] = fmt.Sprint("content ", rng.IntN(40))
		}
	}
	return next
}

// history is a store with generations, and what their trees are.
type history struct {
	*publisher
	rng   *rand.Rand
	trees map[int64]files
	now   time.Time
	last  files
}

func newHistory(t testing.TB, seed uint64) *history {
	return &history{publisher: &publisher{t: t, store: localStore(t)}, rng: rand.New(rand.NewPCG(seed, 1)),
		trees: map[int64]files{}, now: start, last: files{}}
}

func (h *history) next() Generation {
	h.now = h.now.Add(time.Duration(1+h.rng.IntN(90)) * time.Minute)
	h.last = change(h.rng, h.last)
	g, err := h.push(h.last, h.now, fmt.Sprintf("run-%d", len(h.trees)))
	require.NoError(h.t, err)
	h.trees[g.Number] = h.last
	return g
}

// check pulls every generation that is there. All of their content must be.
func (h *history) check() []Generation {
	all, err := h.store.Generations(h.t.Context())
	require.NoError(h.t, err)
	pulled := map[string]files{}
	for _, g := range all {
		if pulled[g.Name] == nil {
			pulled[g.Name], err = pull(h.t.Context(), h.store, g)
			require.NoError(h.t, err, "generation %d", g.Number)
		}
		require.Equal(h.t, h.trees[g.Number], pulled[g.Name], "generation %d", g.Number)
	}
	return all
}

// exact fails if there is content that no generation refers to, or a manifest
// that no record has.
func (h *history) exact(all []Generation) {
	used, names := map[string]bool{}, map[string]bool{}
	for _, g := range all {
		names[dirManifests+"/"+g.Name+manifestSuffix] = true
		m, err := h.store.openManifest(h.t.Context(), g.Name)
		require.NoError(h.t, err)
		require.NoError(h.t, each(m, func(e *manifest.Entry) error {
			if hasObject(e) {
				name, err := at(e.Layer, e.Object, e.Path)
				used[name] = true
				return err
			}
			return nil
		}))
		m.close()
	}
	for _, name := range append(objectsIn(h.t, h.store, dirFiles), objectsIn(h.t, h.store, dirLong)...) {
		assert.Contains(h.t, used, name, "content that nothing refers to")
	}
	for _, name := range objectsIn(h.t, h.store, dirManifests) {
		assert.Contains(h.t, names, name, "a manifest without a record")
	}
}

// Whatever the history, the policy and the pins: what stays is whole, what must
// stay does, and what goes leaves nothing behind.
func TestCollectProperties(t *testing.T) {
	for seed := range uint64(12) {
		h := newHistory(t, seed)
		policy := retention.Policy{Last: h.rng.IntN(4), Hourly: h.rng.IntN(4), Daily: h.rng.IntN(3)}
		grace := time.Duration(h.rng.IntN(3)) * time.Hour
		pinned := Reader{}
		for range 25 {
			latest := h.next()
			if h.rng.IntN(5) == 0 {
				pinned = Reader{Relationship: "wiki-edge", Generation: latest.Number, Name: latest.Name, Until: h.now.Add(6 * time.Hour)}
				require.NoError(t, h.store.Pin(t.Context(), pinned))
			}
			_, err := h.store.Collect(t.Context(), Collection{Policy: policy, Grace: grace, Now: h.now})
			require.NoError(t, err)
			all := h.check()
			assert.Equal(t, latest, all[0])
			if pinned.Until.After(h.now) {
				g, err := h.store.Generation(t.Context(), pinned.Generation)
				require.NoError(t, err, "a pinned generation stays")
				assert.Equal(t, pinned.Name, g.Name)
			}
			h.exact(all)
		}
	}
}

// A collection that is ended at any point leaves whole generations, and the next
// one finishes it.
func TestInterruptedCollections(t *testing.T) {
	for seed := range uint64(10) {
		h := newHistory(t, 100+seed)
		for range 8 {
			for range 4 {
				h.next()
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(h.rng.IntN(8000))*time.Microsecond)
			_, err := h.store.Collect(ctx, Collection{Policy: retention.Policy{Last: 2}, Now: h.now})
			cancel()
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			h.check()
		}
		_, err := h.store.Collect(t.Context(), Collection{Policy: retention.Policy{Last: 2}, Now: h.now})
		require.NoError(t, err)
		h.exact(h.check())
	}
}

func TestCollectRules(t *testing.T) {
	h := newHistory(t, 7)
	for range 6 {
		h.next()
	}
	collect := func(c Collection) []int64 {
		if c.Now.IsZero() {
			c.Now = h.now
		}
		_, err := h.store.Collect(t.Context(), c)
		require.NoError(t, err)
		var numbers []int64
		for _, g := range h.check() {
			numbers = append(numbers, g.Number)
		}
		return numbers
	}
	assert.Len(t, collect(Collection{Grace: 24 * time.Hour}), 6, "all were superseded lately")
	assert.Equal(t, []int64{6, 5, 4, 3}, collect(Collection{Policy: retention.Policy{Last: 4}}))

	_, err := h.store.Begin(t.Context(), Push{Name: "under-way", Run: "r", Parent: 4})
	require.NoError(t, err)
	_, err = h.store.Put(t.Context(), "under-way", content("new", "new"))
	require.NoError(t, err)
	now := time.Now().Add(time.Minute)
	assert.Equal(t, []int64{6, 4}, collect(Collection{Now: now, Grace: time.Hour}), "what a push builds on stays")
	require.NoError(t, h.store.Alive(t.Context(), "under-way"))

	require.NoError(t, h.store.Pin(t.Context(), Reader{Relationship: "e", Generation: 4, Until: now.Add(3 * time.Hour)}))
	assert.Equal(t, []int64{6, 4}, collect(Collection{Now: now.Add(2 * time.Hour), Grace: time.Hour}), "what a reader has pinned stays")
	require.ErrorIs(t, h.store.Alive(t.Context(), "under-way"), ErrGone, "the push was given up")
	_, err = os.Stat(filepath.Join(h.store.config.Remote, dirFiles, "under-way"))
	require.ErrorIs(t, err, os.ErrNotExist, "with its layer")

	assert.Equal(t, []int64{6}, collect(Collection{Now: now.Add(4 * time.Hour), Grace: time.Hour}))
	assert.Empty(t, objectsIn(t, h.store, dirReaders), "a pin whose time is over goes")
	h.exact(h.check())
}

// A run whose generation others followed must not write to its layer again.
func TestBeginAfterCommit(t *testing.T) {
	h := newHistory(t, 9)
	h.last = files{"a": "alpha"}
	one := h.next()
	resumed, err := h.store.Begin(t.Context(), Push{Name: one.Name, Run: one.Run})
	require.NoError(t, err, "it is the latest: the caller sees that")
	assert.False(t, resumed)
	h.last = files{"b": "beta"}
	two := h.next()
	var conflict *ConflictError
	_, err = h.store.Begin(t.Context(), Push{Name: one.Name, Run: one.Run})
	require.ErrorAs(t, err, &conflict)
	assert.Equal(t, two, conflict.By)

	// The marker that the first left, having committed, harms nothing.
	_, err = h.store.Collect(t.Context(), Collection{Policy: retention.Policy{Last: 2}, Now: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	assert.Empty(t, objectsIn(t, h.store, dirPushes))
	assert.Len(t, h.check(), 2)
}

// A damaged or missing manifest keeps what it may refer to.
func TestCollectBesideDamage(t *testing.T) {
	h := newHistory(t, 11)
	for range 5 {
		h.next()
	}
	all := h.check()
	require.NoError(t, h.store.remove(t.Context(), dirManifests+"/"+all[0].Name+manifestSuffix))
	before := objectsIn(t, h.store, dirFiles)
	_, err := h.store.Collect(t.Context(), Collection{Policy: retention.Policy{Last: 1}, Now: h.now})
	require.ErrorContains(t, err, "is missing")
	assert.Equal(t, before, objectsIn(t, h.store, dirFiles))
}

// The memory of a collection does not grow with what stays.
func TestCollectMemory(t *testing.T) {
	const entries = 100_000
	s := localStore(t)
	where := map[string]manifest.Entry{}
	var names [2]string
	var parent *Generation
	for i := range names {
		g := recordOf(fmt.Sprintf("run-%d", i), start.Add(time.Duration(i)))
		for j := range entries {
			path := fmt.Sprintf("d%04d/file-with-a-name-%06d", j/1000, j)
			layer := GenerationName(start, "run-0")
			if i == 1 && j < 10 {
				layer = g.Name
			}
			where[path] = manifest.Entry{Path: path, Mode: 0o100644, Size: 5, Hash: manifest.Hash{1}, Layer: layer}
		}
		file, summary := writeManifest(t, where)
		g.Digest = fmt.Sprint(summary.Digest, i)
		require.NoError(t, s.PutManifest(t.Context(), g.Name, file))
		committed, err := s.Commit(t.Context(), parent, g)
		require.NoError(t, err)
		parent, names[i] = &committed, g.Name
	}
	where = nil
	var dead unused
	grown := peak(t, func() {
		var err error
		dead, err = s.unreferenced(t.Context(), garbage{names[0], names[1:]})
		require.NoError(t, err)
	})
	assert.Len(t, dead.objects, 10)
	assert.Empty(t, dead.layers)
	assert.Less(t, grown, int64(16<<20), "100,000 entries take more")
	t.Log("grown by", grown)
}

// peak is how much the heap grows at most while something is done.
func peak(t *testing.T, do func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	before, most := int64(stats.HeapAlloc), int64(0)
	ctx, cancel := context.WithCancel(t.Context())
	var sampler sync.WaitGroup
	sampler.Go(func() {
		for ctx.Err() == nil {
			runtime.ReadMemStats(&stats)
			most = max(most, int64(stats.HeapAlloc)-before)
			time.Sleep(2 * time.Millisecond)
		}
	})
	do()
	cancel()
	sampler.Wait()
	return most
}
