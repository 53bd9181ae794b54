package meter

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// both runs a test with a cgroup, where there can be one, and without.
func both(t *testing.T, test func(t *testing.T, g *Group)) {
	t.Helper()
	for name, without := range map[string]bool{"default": false, "without cgroup": true} {
		t.Run(name, func(t *testing.T) {
			g, err := New("test")
			require.NoError(t, err)
			if without && g.cgroup != nil {
				require.NoError(t, g.cgroup.close())
				g.mu.Lock()
				g.cgroup = nil
				g.mu.Unlock()
			}
			test(t, g)
		})
	}
}

func TestGroupCountsDescendants(t *testing.T) {
	both(t, func(t *testing.T, g *Group) {
		cmd := exec.Command("sh", "-c", `sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; sleep 0.1'; true`)
		require.NoError(t, g.Run(cmd))
		cpu, err := g.CPU()
		require.NoError(t, err)
		own := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		assert.InDelta(t, own.Seconds(), cpu.Seconds(), 0.15)
		assert.NotZero(t, cpu)

		var programs []string
		for _, p := range g.Peaks() {
			assert.Greater(t, p.Bytes, int64(100<<10))
			programs = append(programs, filepath.Base(p.Program))
		}
		assert.Contains(t, programs, "sleep")
		g.Forget()
		assert.Empty(t, g.Peaks())
		again, err := g.CPU()
		require.NoError(t, err)
		assert.GreaterOrEqual(t, again, cpu)
		require.NoError(t, g.Close())
	})
}

func TestCloseEndsWhatWasStarted(t *testing.T) {
	both(t, func(t *testing.T, g *Group) {
		cmd := exec.Command("sh", "-c", "sleep 300 & sleep 300")
		require.NoError(t, g.Start(cmd))
		require.Eventually(t, func() bool { return len(g.Peaks()) == 3 }, 10*time.Second, 10*time.Millisecond)
		peaks := g.Peaks()
		require.NoError(t, g.Close())
		cmd.Wait()
		for _, p := range peaks {
			assert.Eventually(t, func() bool {
				now, err := readProcess(p.PID)
				return err != nil || !now.alive || syscall.Kill(p.PID, 0) != nil
			}, 10*time.Second, 10*time.Millisecond, "%s (%d) is still alive", p.Program, p.PID)
		}
	})
}

func TestParentCgroup(t *testing.T) {
	const mounts = `24 1 0:21 / /proc rw - proc proc rw
30 24 0:26 / /sys/fs/cgroup/unified rw,relatime shared:3 - cgroup2 cgroup2 rw
`
	path, ok := parentCgroup(mounts, "4:memory:/a\n0::/user.slice/x\n")
	assert.True(t, ok)
	assert.Equal(t, "/sys/fs/cgroup/unified/user.slice/x", path)
	_, ok = parentCgroup(mounts, "4:memory:/a\n")
	assert.False(t, ok)
	_, ok = parentCgroup("", "0::/\n")
	assert.False(t, ok)
}

func TestParseStat(t *testing.T) {
	p, err := parseStat("42 (a ) S (b) R 1 2 3 4 5 6 7 8 9 10 150 25 13 14 15 16 17 18 999 20 21\n")
	require.NoError(t, err)
	assert.Equal(t, process{begun: 999, cpu: 1750 * time.Millisecond, alive: true}, p)
	_, err = parseStat("42 (a) R 1")
	assert.ErrorContains(t, err, "too few fields")
}

func TestParsePeak(t *testing.T) {
	assert.EqualValues(t, 2048<<10, parsePeak("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"))
	assert.Zero(t, parsePeak("Name:\tx\nState:\tZ (zombie)\n"))
}

func TestParseCPUStat(t *testing.T) {
	cpu, err := parseCPUStat("usage_usec 1500\nuser_usec 1000\n")
	require.NoError(t, err)
	assert.Equal(t, 1500*time.Microsecond, cpu)
	_, err = parseCPUStat("user_usec 1000\n")
	assert.Error(t, err)
}

func TestOffspring(t *testing.T) {
	before, err := Offspring()
	require.NoError(t, err)
	cmd := exec.Command("sh", "-c", `i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo; read wait`)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = out.Read(make([]byte, 1))
	require.NoError(t, err)
	during, err := Offspring()
	require.NoError(t, err)
	require.NoError(t, in.Close())
	_ = cmd.Wait() // read fails
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	assert.InDelta(t, used.Seconds(), (during - before).Seconds(), 0.1)
}

func TestParseBusy(t *testing.T) {
	busy, err := parseBusy("cpu  100 20 30 4000 500 6 7 8 90 0\ncpu0 1 2 3 4\n")
	require.NoError(t, err)
	assert.Equal(t, 1710*time.Millisecond, busy)
	_, err = parseBusy("intr 1")
	assert.ErrorContains(t, err, "begins with")
	_, err = parseBusy("cpu a b c d e f g h i")
	assert.Error(t, err)
}
