package retention_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/retention"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// at is a ready snapshot whose name is its recovery point.
func at(point string) volume.Snapshot {
	t, err := time.Parse(time.RFC3339, point)
	if err != nil {
		panic(err)
	}
	return volume.Snapshot{Ready: true, SnapshotRecord: contract.SnapshotRecord{Name: point, RecoveryPoint: t}}
}

func unready(s volume.Snapshot) volume.Snapshot {
	s.Ready = false
	return s
}

func labelled(s volume.Snapshot, value string) volume.Snapshot {
	s.Labels = map[string]string{contract.LabelKeep: value}
	return s
}

func TestKeep(t *testing.T) {
	const (
		a = "2026-03-01T10:00:00Z"
		b = "2026-03-01T10:30:00Z"
		c = "2026-03-01T11:10:00Z"
		d = "2026-03-02T00:30:00Z"
		e = "2026-03-02T00:45:00Z"
	)
	all := []volume.Snapshot{at(c), at(a), at(e), at(b), at(d)}
	tests := map[string]struct {
		snapshots []volume.Snapshot
		policy    retention.Policy
		keep      []string
	}{
		"none":                  {nil, retention.Policy{Last: 3}, nil},
		"no rule keeps the one": {all, retention.Policy{}, []string{e}},
		"last":                  {all, retention.Policy{Last: 2}, []string{e, d}},
		"more than there are":   {all, retention.Policy{Last: 9}, []string{e, d, c, b, a}},
		"hourly":                {all, retention.Policy{Hourly: 3}, []string{e, c, b}},
		"daily":                 {all, retention.Policy{Daily: 5}, []string{e, c}},
		// 1 March 2026 is a Sunday: the ISO week begins on the 2nd.
		"weekly":   {all, retention.Policy{Weekly: 2}, []string{e, c}},
		"monthly":  {all, retention.Policy{Monthly: 2}, []string{e}},
		"together": {all, retention.Policy{Last: 2, Daily: 2}, []string{e, d, c}},
		"negative": {all, retention.Policy{Last: -1}, []string{e}},
		"a labelled one stays and does not count": {
			[]volume.Snapshot{at(a), at(b), at(c), labelled(at(d), "true"), at(e)}, retention.Policy{Last: 2}, []string{e, d, c}},
		"a label of false is none": {
			[]volume.Snapshot{labelled(at(a), "false"), at(b)}, retention.Policy{Last: 1}, []string{b}},
		"a label of nothing is one": {
			[]volume.Snapshot{labelled(at(a), ""), at(b)}, retention.Policy{Last: 1}, []string{b, a}},
		"what is not ready stays while it is newer than the latest": {
			[]volume.Snapshot{at(a), at(b), unready(at(c)), unready(at(d))}, retention.Policy{Last: 1}, []string{d, c, b}},
		"what is not ready goes once it is older": {
			[]volume.Snapshot{at(a), unready(at(b)), at(c)}, retention.Policy{Last: 2}, []string{c, a}},
		"none ready": {
			[]volume.Snapshot{unready(at(a)), unready(at(b))}, retention.Policy{Last: 1}, []string{b, a}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			keep, drop := retention.Keep(test.snapshots, test.policy)
			assert.Equal(t, test.keep, names(keep))
			assert.Len(t, drop, len(test.snapshots)-len(keep))
		})
	}
}

func TestKeepInOtherZones(t *testing.T) {
	east := time.FixedZone("east", 5*3600)
	late, early := at("2026-03-01T22:00:00Z"), at("2026-03-01T01:00:00Z")
	late.RecoveryPoint, early.RecoveryPoint = late.RecoveryPoint.In(east), early.RecoveryPoint.In(east)
	keep, _ := retention.Keep([]volume.Snapshot{late, early}, retention.Policy{Daily: 2})
	assert.Equal(t, []string{"2026-03-01T22:00:00Z"}, names(keep), "one day in UTC")
}

// Pruning after every run keeps what pruning once at the end would keep, the
// latest ready one is always there, and pruning again drops nothing.
func TestKeepProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		policy := retention.Policy{Last: rng.IntN(4), Hourly: rng.IntN(4), Daily: rng.IntN(4), Weekly: rng.IntN(3), Monthly: rng.IntN(3)}
		var stepwise, all []volume.Snapshot
		point := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for range 60 {
			point = point.Add(time.Duration(1 + rng.Int64N(int64(40*time.Hour))))
			s := volume.Snapshot{Ready: true, SnapshotRecord: contract.SnapshotRecord{Name: point.String(), RecoveryPoint: point}}
			all = append(all, s)
			stepwise, _ = retention.Keep(append(stepwise, s), policy)
			assert.Equal(t, s.Name, stepwise[0].Name)
		}
		once, _ := retention.Keep(all, policy)
		assert.Subset(t, names(stepwise), names(once), "%+v", policy)
		again, dropped := retention.Keep(once, policy)
		assert.Equal(t, names(once), names(again))
		assert.Empty(t, dropped)
	}
}

func names(snapshots []volume.Snapshot) []string {
	var names []string
	for _, s := range snapshots {
		names = append(names, s.Name)
	}
	return names
}
