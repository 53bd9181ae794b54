// Package retention decides which replica snapshots stay. It touches none.
package retention

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Policy says how many replica snapshots to keep. A snapshot stays when any rule
// keeps it. Hours, days, ISO weeks and months are those of the recovery point, in
// UTC; only those that have a snapshot count, so that an interruption does not
// empty a rule.
type Policy struct {
	// Last is how many of the newest stay.
	Last int
	// Hourly, Daily, Weekly and Monthly are of how many hours, days, weeks and
	// months the newest stays.
	Hourly, Daily, Weekly, Monthly int
}

// Keep divides the snapshots of a relationship into those that stay and those
// that go, each newest recovery point first. These always stay and count for no
// rule: those labelled to be kept; the newest that is ready; and those newer
// than it, which are not ready yet. An older one that is not ready counts for no
// rule either, and goes: nothing will restore it.
func Keep(snapshots []volume.Snapshot, policy Policy) (keep, drop []volume.Snapshot) {
	newestFirst := slices.SortedStableFunc(slices.Values(snapshots), func(a, b volume.Snapshot) int {
		return cmp.Or(b.RecoveryPoint.Compare(a.RecoveryPoint), b.Created.Compare(a.Created), cmp.Compare(b.Name, a.Name))
	})
	latest := slices.IndexFunc(newestFirst, func(s volume.Snapshot) bool { return s.Ready })
	keeps := policy.Keeps()
	for i, s := range newestFirst {
		stays := s.Keep() || i <= latest || latest < 0
		if s.Ready && !s.Keep() {
			stays = keeps(s.RecoveryPoint) || stays
		}
		if stays {
			keep = append(keep, s)
		} else {
			drop = append(drop, s)
		}
	}
	return keep, drop
}

// Keeps returns a function that tells of recovery points, newest first, which of
// them stay.
func (p Policy) Keeps() func(recoveryPoint time.Time) bool {
	rules := p.rules()
	return func(t time.Time) (stays bool) {
		for _, rule := range rules {
			// Every rule sees every one: what another rule keeps stands for its
			// hour or day too.
			stays = rule.keeps(t.UTC()) || stays
		}
		return stays
	}
}

// rule keeps the newest snapshot of each of a number of buckets.
type rule struct {
	left   int
	bucket func(time.Time) string
	last   string
}

// keeps must be asked about the newest snapshot first.
func (r *rule) keeps(t time.Time) bool {
	bucket := r.bucket(t)
	if r.left == 0 || bucket == r.last {
		return false
	}
	r.left--
	r.last = bucket
	return true
}

func (p Policy) rules() []*rule {
	n := 0
	each := func(time.Time) string { n++; return fmt.Sprint(n) }
	layout := func(l string) func(time.Time) string {
		return func(t time.Time) string { return t.Format(l) }
	}
	week := func(t time.Time) string { return fmt.Sprint(t.ISOWeek()) }
	return []*rule{
		{left: max(0, p.Last), bucket: each},
		{left: max(0, p.Hourly), bucket: layout("2006-01-02T15")},
		{left: max(0, p.Daily), bucket: layout("2006-01-02")},
		{left: max(0, p.Weekly), bucket: week},
		{left: max(0, p.Monthly), bucket: layout("2006-01")},
	}
}
