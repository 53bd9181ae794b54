// Package volumetest is what every volume store must do, as tests: whoever
// implements volume.Store runs [Run] on it, and [RunKilled] where a process that
// uses it can be killed.
package volumetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Harness is an empty site to test a store on.
type Harness interface {
	// Store returns the site's store.
	Store() volume.Store
	// Write makes the files of a claim have these contents and leaves its other
	// files alone; a claim that does not exist is made.
	Write(t *testing.T, claim string, files map[string]string)
	// Read returns the contents of all files of a claim by path, nil when there
	// is no such claim.
	Read(t *testing.T, claim string) map[string]string
	// Abandon leaves what a process leaves that was killed while it cut a replica
	// snapshot. What it returns tells whether that is still there.
	Abandon(t *testing.T, req volume.CutRequest) (left func() bool)
	// Hold makes a listener hold a claim that exists, until release is called.
	Hold(t *testing.T, claim string) (release func())
}

// Run tests a store; open is called for each test and must return an empty site.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, part := range []struct {
		name  string
		tests map[string]func(*testing.T, Harness)
	}{
		{"Copier", copierTests}, {"Snapshotter", snapshotterTests}, {"Collector", collectorTests}, {"Restorer", restorerTests}, {"Quiescer", quiescerTests},
		{"States", stateTests}, {"Secrets", secretTests},
	} {
		t.Run(part.name, func(t *testing.T) {
			for name, test := range part.tests {
				t.Run(name, func(t *testing.T) { test(t, open(t)) })
			}
		})
	}
}

// The names that the tests use.
const (
	claim        = "data"
	relationship = "wiki-secondary"
)

// owner is a run of the relationship.
func owner(run string) volume.Owner {
	return volume.Owner{Replication: "wiki", Relationship: relationship, Run: run}
}

func stranger(run string) volume.Owner {
	return volume.Owner{Replication: "shop", Relationship: "shop-secondary", Run: run}
}

func copyRequest(o volume.Owner) volume.CopyRequest {
	return volume.CopyRequest{Owner: o, Claim: claim, Name: contract.CopyName(o.Run), Method: "Auto"}
}

func cutRequest(run string, point time.Time) volume.CutRequest {
	o := owner(run)
	return volume.CutRequest{Owner: o, Claim: claim, Name: contract.SnapshotName(o.Relationship, run), RecoveryPoint: point}
}

// point is the n-th recovery point, with nanoseconds that must not be lost.
func point(n int) time.Time {
	return time.Date(2026, 3, 1, 12, n, 0, 123_456_789, time.UTC)
}

func files(n int, generation string) map[string]string {
	made := map[string]string{}
	for i := range n {
		made[fmt.Sprintf("dir %d/file %d", i%7, i)] = fmt.Sprintf("%s %d", generation, i)
	}
	return made
}

// mustCopy makes a copy and checks what every copy must have.
func mustCopy(t *testing.T, h Harness, req volume.CopyRequest) volume.Copy {
	t.Helper()
	before := time.Now()
	made, err := h.Store().Copy(t.Context(), req)
	require.NoError(t, err)
	assert.NotEqual(t, "Auto", made.Method)
	assert.NotEmpty(t, made.Method)
	assert.False(t, made.RecoveryPoint.After(time.Now()), "a recovery point in the future")
	assert.WithinDuration(t, before, made.RecoveryPoint, time.Minute)
	return made
}

func mustCut(t *testing.T, h Harness, req volume.CutRequest) volume.Snapshot {
	t.Helper()
	snapshot, err := h.Store().Cut(t.Context(), req)
	require.NoError(t, err)
	return snapshot
}
