package promote

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// latest is the word for the newest replica snapshot.
const latest = "latest"

// choose returns the replica snapshot that at means: the latest, one by name, or
// the newest at or before a time. Those that are ready come first; when none is,
// the newest that matches is returned. Snapshots are newest first.
func choose(snapshots []volume.Snapshot, at, replica string) (volume.Snapshot, error) {
	matches, err := matcher(at, snapshots)
	if err != nil {
		return volume.Snapshot{}, err
	}
	candidates := slices.DeleteFunc(slices.Clone(snapshots), func(s volume.Snapshot) bool { return !matches(s) })
	if len(candidates) == 0 {
		return volume.Snapshot{}, none(snapshots, at, replica)
	}
	if i := slices.IndexFunc(candidates, func(s volume.Snapshot) bool { return s.Ready }); i > 0 {
		return candidates[i], nil
	}
	return candidates[0], nil
}

func matcher(at string, snapshots []volume.Snapshot) (func(volume.Snapshot) bool, error) {
	if at == "" || at == latest {
		return func(volume.Snapshot) bool { return true }, nil
	}
	if t, err := time.Parse(time.RFC3339, at); err == nil {
		return func(s volume.Snapshot) bool { return !s.RecoveryPoint.After(t) }, nil
	}
	if strings.ContainsAny(at, ":/ ") {
		return nil, step.Usage("--at=%s: must be %q, the name of a replica snapshot, or a time such as 2026-03-01T12:00:00Z", at, latest)
	}
	return func(s volume.Snapshot) bool { return s.Name == at }, nil
}

// none says what there is instead.
func none(snapshots []volume.Snapshot, at, replica string) error {
	if len(snapshots) == 0 {
		return step.Refuse(contract.RefusedNoSnapshot,
			"claim %s has no replica snapshot of this relationship: no run was committed yet, so there is nothing to promote", replica)
	}
	newest, oldest := snapshots[0], snapshots[len(snapshots)-1]
	return step.Refuse(contract.RefusedNoSnapshot,
		"no replica snapshot of claim %s matches --at=%s: there are %d, the newest is %s of %s, the oldest %s of %s", replica, at,
		len(snapshots), newest.Name, stamp(newest.RecoveryPoint), oldest.Name, stamp(oldest.RecoveryPoint))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// age is a duration in words, in its two largest units.
func age(d time.Duration) string {
	var words []string
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		n := d / unit.length
		d -= n * unit.length
		switch {
		case n == 1:
			words = append(words, "1 "+unit.name)
		case n > 1:
			words = append(words, fmt.Sprintf("%d %ss", n, unit.name))
		}
	}
	if len(words) == 0 {
		return "less than a second"
	}
	return strings.Join(words[:min(2, len(words))], " ")
}

// list splits a comma-separated argument.
func list(s string) []string {
	return slices.DeleteFunc(strings.Split(s, ","), func(item string) bool { return item == "" })
}
