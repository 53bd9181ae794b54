package objectstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/test/s3"
	"github.com/backube/scribe-gen/test/s3/fault"
	"github.com/backube/scribe-gen/test/s3/s3test"
)

func recordOf(run string, at time.Time) Generation {
	return Generation{Replication: replication, Name: GenerationName(at, run), Run: run, RecoveryPoint: at, Created: at}
}

func TestCommitIsIdempotent(t *testing.T) {
	s := localStore(t)
	one, err := s.Commit(t.Context(), nil, recordOf("run-1", start))
	require.NoError(t, err)
	again, err := s.Commit(t.Context(), nil, recordOf("run-1", start))
	require.NoError(t, err, "an attempt that did not see the first one's record")
	assert.Equal(t, one, again)
	again, err = s.Commit(t.Context(), &one, recordOf("run-1", start))
	require.NoError(t, err, "one that did")
	assert.Equal(t, one, again)

	var conflict *ConflictError
	_, err = s.Commit(t.Context(), nil, recordOf("run-2", start))
	require.ErrorAs(t, err, &conflict)
	assert.Equal(t, one, conflict.By)
	two, err := s.Commit(t.Context(), &one, recordOf("run-2", start.Add(1)))
	require.NoError(t, err)
	_, err = s.Commit(t.Context(), &one, recordOf("run-3", start.Add(2)))
	require.ErrorAs(t, err, &conflict)
	assert.Equal(t, two, conflict.By)
	assert.Empty(t, objectsIn(t, s, dirClaims), "no announcement stays")
}

func TestCommitRefuses(t *testing.T) {
	s := localStore(t)
	one, err := s.Commit(t.Context(), nil, recordOf("run-1", start))
	require.NoError(t, err)
	_, err = s.Commit(t.Context(), &one, recordOf("run-2", start))
	assert.Equal(t, contract.RefusedStale, step.Refusal(err), "%v", err)
	other := recordOf("run-2", start.Add(1))
	other.Replication = "blog"
	for _, parent := range []*Generation{nil, &one} {
		_, err = s.Commit(t.Context(), parent, other)
		assert.Equal(t, contract.RefusedStore, step.Refusal(err), "%v", err)
		require.ErrorContains(t, err, "its own path")
	}
	require.NoError(t, s.remove(t.Context(), recordName(1)))
	_, err = s.Commit(t.Context(), &one, recordOf("run-2", start.Add(1)))
	require.ErrorContains(t, err, "builds on, is gone")
	assert.Equal(t, contract.ExitFailed, step.Code(err))

	require.NoError(t, s.writeJSON(t.Context(), recordName(4), map[string]any{"format": 2, "number": 4}))
	_, err = s.Latest(t.Context())
	assert.Equal(t, contract.RefusedVersion, step.Refusal(err), "%v", err)
}

func TestRecordOfAnotherReplication(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Config{Remote: dir})
	_, err := s.Commit(t.Context(), nil, recordOf("run-1", start))
	require.NoError(t, err)
	_, err = open(t, Config{Remote: dir, Replication: "blog"}).Latest(t.Context())
	assert.Equal(t, contract.RefusedStore, step.Refusal(err), "%v", err)
}

// Pushers that commit at the same time: the numbers have no gap, each has one
// winner, and whoever did not win was told so.
func TestRacingPushers(t *testing.T) {
	const pushers, commits = 3, 34
	race := func(t *testing.T, config Config) {
		var (
			wins    sync.Map
			workers sync.WaitGroup
		)
		stores := make([]*Store, pushers)
		for i := range stores {
			stores[i] = open(t, config)
		}
		for i, s := range stores {
			workers.Go(func() {
				for n := range commits {
					run := fmt.Sprintf("run-%d-%d", i, n)
					if !assert.NoError(t, commitInTurn(t.Context(), s, run, &wins), run) {
						return
					}
				}
			})
		}
		workers.Wait()
		all, err := stores[0].Generations(t.Context())
		require.NoError(t, err)
		require.Len(t, all, pushers*commits)
		for i, g := range all {
			assert.EqualValues(t, len(all)-i, g.Number)
			won, _ := wins.Load(g.Number)
			assert.Equal(t, g.Run, won)
		}
		left, err := stores[0].list(t.Context(), dirClaims)
		require.NoError(t, err)
		assert.Empty(t, left)
	}
	t.Run("local", func(t *testing.T) { race(t, Config{Remote: t.TempDir()}) })
	if testing.Short() {
		return
	}
	for _, kind := range []s3.Kind{s3.Versity, s3.MinIO} {
		t.Run(string(kind), func(t *testing.T) { race(t, s3Config(t, s3test.Server(t, kind, false), false)) })
	}
}

// commitInTurn commits a run after whatever is the latest by then.
func commitInTurn(ctx context.Context, s *Store, run string, wins *sync.Map) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		parent, err := s.Latest(ctx)
		if err != nil && !isNoGeneration(err) {
			return err
		}
		at := start
		if parent != nil {
			at = parent.RecoveryPoint.Add(1)
		}
		g, err := s.Commit(ctx, parent, recordOf(run, at))
		var conflict *ConflictError
		if errors.As(err, &conflict) {
			continue
		}
		if err != nil {
			return err
		}
		if before, taken := wins.Swap(g.Number, run); taken {
			return fmt.Errorf("generation %d was won by %s and by %v", g.Number, run, before)
		}
		return nil
	}
}

// A commit that is ended at any point leaves a history that the next attempt of
// the same run continues, once.
func TestInterruptedCommits(t *testing.T) {
	s := localStore(t)
	rng := rand.New(rand.NewPCG(3, 4))
	var parent *Generation
	for i := range 40 {
		g := recordOf(fmt.Sprintf("run-%d", i), start.Add(time.Duration(i)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(2500))*time.Microsecond)
		_, err := s.Commit(ctx, parent, g)
		cancel()
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		committed, err := s.Commit(t.Context(), parent, g)
		require.NoError(t, err)
		assert.EqualValues(t, i+1, committed.Number)
		parent = &committed
	}
	all, err := s.Generations(t.Context())
	require.NoError(t, err)
	assert.Len(t, all, 40)
}

// An announcement that a killed push left delays the next one, and not for
// ever; those of numbers that are over are collected.
func TestLeftAnnouncements(t *testing.T) {
	s := localStore(t)
	require.NoError(t, s.writeJSON(t.Context(), dirClaims+"/00000001-KILLED.json", announcement{Run: "killed"}))
	seen := map[string]time.Time{dirClaims + "/00000001-KILLED.json": time.Now().Add(-longestClaim)}
	alone, err := s.alone(t.Context(), "00000001-", "own", map[string]time.Time{})
	require.NoError(t, err)
	assert.False(t, alone)
	alone, err = s.alone(t.Context(), "00000001-", "own", seen)
	require.NoError(t, err)
	assert.True(t, alone)

	require.NoError(t, s.writeJSON(t.Context(), dirClaims+"/00000001-KILLED.json", announcement{Run: "killed"}))
	p := &publisher{t: t, store: s}
	_, err = p.store.Commit(timeout(t, 50*time.Millisecond), nil, recordOf("run-1", start))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, s.writeJSON(t.Context(), recordName(2), Generation{Format: Format, Number: 2, Name: "n", Replication: replication}))
	_, err = s.Collect(t.Context(), Collection{Now: start})
	require.NoError(t, err)
	assert.Empty(t, objectsIn(t, s, dirClaims))
}

func timeout(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// A commit whose answer is lost, or that the server fails at first, is found or
// done again.
func TestCommitOverBadNetwork(t *testing.T) {
	server := s3test.Server(t, s3.Rclone, false)
	proxy := s3test.Proxy(t, server, nil)
	config := s3Config(t, server, false)
	config.ConfigDir = configDir(t, map[string]string{"rclone.conf": proxy.Config("s3")})
	s := open(t, config)
	var parent *Generation
	hooks := map[string]fault.Hook{
		"slow down":      fault.First(3, fault.SlowDown()),
		"internal error": fault.Every(3, fault.InternalError()),
		"answer lost":    fault.First(2, fault.CutUpload(1<<20), fault.Put),
		"request lost":   fault.First(2, fault.CutUpload(10), fault.Put),
		"half a listing": fault.First(2, fault.CutDownload(10), fault.List),
		"refused":        fault.First(1, fault.Answer(http.StatusNotImplemented, "NotImplemented"), fault.Put),
	}
	at := start
	for name, hook := range hooks {
		at = at.Add(time.Minute)
		proxy.Use(hook)
		g, err := s.Commit(t.Context(), parent, recordOf("run "+name, at))
		require.NoError(t, err, name)
		proxy.Use(nil)
		latest, err := s.Latest(t.Context())
		require.NoError(t, err, name)
		assert.Equal(t, g, *latest, name)
		parent = &g
	}
}

// With a server that heeds preconditions, no announcement is needed: of several
// that write the record, all agree on whose stands.
func TestPreconditions(t *testing.T) {
	for _, kind := range []s3.Kind{s3.Versity, s3.MinIO} {
		t.Run(string(kind), func(t *testing.T) {
			config := s3Config(t, s3test.Server(t, kind, false), true)
			s := open(t, config)
			for range 5 {
				var (
					writers sync.WaitGroup
					agreed  sync.Map
					number  = int64(1)
				)
				latest, err := s.Latest(t.Context())
				if err == nil {
					number = latest.Number + 1
				}
				for i := range 8 {
					g := recordOf(fmt.Sprintf("run-%d-%d", number, i), start)
					g.Format, g.Number = Format, number
					writers.Go(func() {
						standing, err := s.write(t.Context(), latest, g)
						if assert.NoError(t, err) {
							agreed.Store(standing.Run, true)
						}
					})
				}
				writers.Wait()
				runs := 0
				agreed.Range(func(any, any) bool { runs++; return true })
				assert.Equal(t, 1, runs)
			}
			assert.False(t, s.unconditional.Load())
		})
	}
}
