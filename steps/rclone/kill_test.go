package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/s3"
)

// fill changes a lot of the source, so that a push takes a while.
func (s *source) fill(rng *rand.Rand) {
	for n := range 200 {
		if rng.IntN(3) > 0 {
			s.write(map[string]string{filepath.Join(fmt.Sprintf("d%d", n%13), fmt.Sprintf("f%d", n)): string(noise(rng.Int(), rng.IntN(20_000)))})
		}
	}
	s.write(map[string]string{"large": string(noise(rng.Int(), 3<<20))})
}

// A push that is killed at random instants and started again publishes the source;
// what was published before can be read all the time.
func TestKilledAtRandom(t *testing.T) {
	for _, in := range []string{"a directory", string(s3.Versity)} {
		t.Run(in, func(t *testing.T) {
			s, kills := (*source)(nil), 20
			if in == string(s3.Versity) {
				s, _ = s3Source(t, s3.Versity, true, nil)
			} else {
				s, _ = localSource(t)
			}
			if testing.Short() {
				kills = 4
			}
			s.survive(kills, rand.New(rand.NewPCG(51, 52)))
		})
	}
}

// survive kills pushes until as many were killed.
func (s *source) survive(kills int, rng *rand.Rand) {
	s.t.Helper()
	for n := 0; n < kills; {
		s.fill(rng)
		run, at := runID(n), time.Now()
		for range 1 + rng.IntN(3) {
			p := s.push(run, at)
			select {
			case <-p.ended:
			case <-time.After(time.Duration(100+rng.IntN(900)) * time.Millisecond):
			}
			p.kill()
			n++
		}
		for _, g := range s.generationsIfAny() {
			s.requireReadable(&g)
		}
		out := s.push(run, at).done()
		s.requirePublished()
		assert.Equal(s.t, s.latest().Number, out.Generation)
	}
}

// What a killed push has uploaded is not uploaded again.
func TestResume(t *testing.T) {
	for _, method := range []string{"Snapshot", contract.MethodDirect} {
		t.Run(method, func(t *testing.T) {
			s, _ := localSource(t)
			for n := range 300 {
				s.write(map[string]string{filepath.Join(fmt.Sprintf("d%d", n/50), runID(n)): string(noise(n, 20_000))})
			}
			store := s.remote[len("archive:"):]
			at := time.Now()
			p := s.push("run", at, "--bandwidth-limit=3Mi", "--method="+method)
			require.Eventually(t, func() bool { return objects(filepath.Join(store, "files")) > 100 }, 30*time.Second, 5*time.Millisecond)
			p.kill()
			out := s.push("run", at, "--method="+method).done()
			assert.Less(t, out.Bytes, int64(300*20_000-90*20_000), "two thirds at most are left")
			assert.Equal(t, int64(300*20_000), out.Total)
			s.requirePublished()
			assert.Zero(t, objects(filepath.Join(store, "pushes")))
		})
	}
}

// A push that is told to end does so at once, says why, and goes on when it is
// started again.
func TestTerminated(t *testing.T) {
	s, _ := localSource(t)
	s.write(map[string]string{"large": string(noise(1, 8<<20))})
	at := time.Now()
	p := s.push("run", at, "--bandwidth-limit=1Mi")
	require.Eventually(t, func() bool { return strings.Contains(p.log.String(), "uploading") }, 30*time.Second, time.Millisecond)
	begun := time.Now()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	code, out := p.wait()
	assert.Equal(t, contract.ExitFailed, code)
	assert.Contains(t, out.Reason, "terminated signal received")
	assert.Less(t, time.Since(begun), 5*time.Second)
	s.push("run", at).done()
	s.requirePublished()
}

// Of pushes at once one wins each number, and the others say so. A retry follows.
func TestTwoPushers(t *testing.T) {
	one, _ := s3Source(t, s3.Rclone, false, nil)
	two := newSource(t, one.remote, "")
	two.config = one.config
	for n := range 5 {
		one.write(map[string]string{"file": "one " + runID(n), "big one": string(noise(n, 1<<20))})
		two.write(map[string]string{"file": "two " + runID(n), "big two": string(noise(n, 1<<20))})
		at := time.Now()
		first := one.push("one-"+runID(n), at, "--max-delete=100%")
		second := two.push("two-"+runID(n), at.Add(time.Millisecond), "--max-delete=100%")
		codeOne, outOne := first.wait()
		codeTwo, outTwo := second.wait()
		require.True(t, codeOne == contract.ExitDone || codeTwo == contract.ExitDone, "%s\n%s", first.log.String(), second.log.String())
		switch {
		case codeOne != contract.ExitDone:
			assert.Equal(t, contract.ExitRefused, codeOne, outOne.Reason)
			assert.Equal(t, contract.RefusedStale, outOne.Code, outOne.Reason)
		case codeTwo != contract.ExitDone:
			assert.Equal(t, contract.ExitFailed, codeTwo, outTwo.Reason)
			assert.Contains(t, outTwo.Reason, "one-"+runID(n), "the loser says who won")
			two.push("two-"+runID(n), at.Add(time.Millisecond), "--max-delete=100%").done()
		}
		two.requirePublished()
	}
	list := one.generations()
	for i, g := range list {
		assert.Equal(t, list[0].Number-int64(i), g.Number)
		one.requireReadable(&g)
	}
}

// A push that another one overtakes says so: for good if the other's recovery point
// is newer, and else so that a retry follows it, which uploads nothing again.
func TestOvertaken(t *testing.T) {
	slow, _ := localSource(t)
	fast := newSource(t, slow.remote, "")
	fast.config = slow.config
	slow.write(map[string]string{"large": string(noise(1, 3<<20)), "small": "small"})
	fast.write(map[string]string{"other": "content"})
	overtaken := func(run string, at time.Time) *process {
		p := slow.push(run, at, "--bandwidth-limit=1Mi")
		require.Eventually(t, func() bool { return strings.Contains(p.log.String(), "uploading") }, 30*time.Second, time.Millisecond)
		return p
	}
	at := time.Now()
	p := overtaken("slow", at)
	fast.push("fast", at.Add(-time.Minute)).done()
	code, out := p.wait()
	assert.Equal(t, contract.ExitFailed, code)
	assert.Contains(t, out.Reason, "run fast published generation 1")
	assert.Positive(t, out.Bytes)

	out = slow.push("slow", at, "--max-delete=100%").done()
	assert.Zero(t, out.Bytes, "the retry finds its layer")
	assert.Equal(t, int64(2), out.Generation)
	slow.requirePublished()

	slow.write(map[string]string{"large": string(noise(2, 3<<20))})
	at = time.Now()
	p = overtaken("slower", at)
	fast.push("newer", at.Add(time.Minute), "--max-delete=100%").done()
	out = p.refused(contract.RefusedStale)
	assert.Contains(t, out.Reason, "run newer")
	fast.requirePublished()
}

// A live source changes while it is pushed: what is published is consistent in
// itself, file by file.
func TestLiveSource(t *testing.T) {
	s, _ := localSource(t)
	for n := range 2000 {
		s.write(map[string]string{fmt.Sprintf("d%d/f%d", n%20, n): string(noise(n, 5000))})
	}
	stop := make(chan struct{})
	var churn sync.WaitGroup
	churn.Go(func() {
		rng := rand.New(rand.NewPCG(61, 62))
		for {
			select {
			case <-stop:
				return
			default:
			}
			n := rng.IntN(2000)
			path := filepath.Join(s.root, fmt.Sprintf("d%d/f%d", n%20, n))
			switch rng.IntN(4) {
			case 0:
				_ = os.Remove(path)
			case 1:
				_ = os.Rename(path, path+".renamed")
			case 2:
				_ = os.Truncate(path, int64(rng.IntN(5000)))
			default:
				_ = os.WriteFile(path, noise(n, rng.IntN(8000)), 0o644)
			}
		}
	})
	for n := range 5 {
		s.publish(runID(n), "--method="+contract.MethodDirect, "--max-delete=100%")
	}
	close(stop)
	churn.Wait()
	for _, g := range s.generations() {
		s.requireReadable(&g)
	}
	s.publish("quiet", "--method="+contract.MethodDirect, "--max-delete=100%")
	s.requirePublished()
}
