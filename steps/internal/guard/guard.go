// Package guard decides whether a run would harm the replica: an empty source,
// or more deletions than allowed. It knows numbers, not volumes.
package guard

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// Limit is the largest number of entries a run may delete.
type Limit struct {
	set     bool
	number  int64
	percent float64 // of the replica's entries, when not 0 or number is unset
	isShare bool
}

// ParseLimit reads "100" or "50%"; empty is no limit.
func ParseLimit(s string) (Limit, error) {
	if s == "" {
		return Limit{}, nil
	}
	share, isShare := strings.CutSuffix(s, "%")
	if isShare {
		p, err := strconv.ParseFloat(share, 64)
		if err != nil || math.IsNaN(p) || p < 0 || p > 100 {
			return Limit{}, fmt.Errorf("%q is not a percentage from 0%% to 100%%", s)
		}
		return Limit{set: true, percent: p, isShare: true}, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return Limit{}, fmt.Errorf("%q is neither a number nor a percentage", s)
	}
	return Limit{set: true, number: n}, nil
}

// Of is the number of entries that may be deleted from a replica with that many.
// A share is rounded up, so that 50 % of one entry is one.
func (l Limit) Of(entries int64) int64 {
	switch {
	case !l.set:
		return math.MaxInt64
	case l.isShare:
		return int64(math.Ceil(float64(entries) * l.percent / 100))
	}
	return l.number
}

// Set reports whether there is a limit.
func (l Limit) Set() bool { return l.set }

// Deletions refuses a run that would delete more than the limit allows, and
// names what would go.
func (l Limit) Deletions(count, entries int64, names []string) error {
	allowed := l.Of(entries)
	if count <= allowed {
		return nil
	}
	more := ""
	if int64(len(names)) < count {
		more = fmt.Sprintf(" and %d more", count-int64(len(names)))
	}
	return step.Refuse(contract.RefusedDeletions,
		"the run would delete %d of the replica's %d entries, and --max-delete allows %d: %s%s; if that is meant, raise guard.maxDelete for one run",
		count, entries, allowed, quoted(names), more)
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = strconv.Quote(n)
	}
	return strings.Join(q, ", ")
}
