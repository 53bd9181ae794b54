package network_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/cluster/network"
)

// The last slots, which clusters that run meanwhile take last.
const first, second = network.Slot(network.Slots - 2), network.Slot(network.Slots - 1)

func TestTwoNetworksReachEachOtherUntilCut(t *testing.T) {
	if testing.Short() {
		t.Skip("makes network namespaces")
	}
	require.Zero(t, os.Getuid(), "network namespaces need root")
	for name, slot := range map[string]network.Slot{"nettest-a": first, "nettest-b": second} {
		require.NoError(t, network.Create(name, slot))
		require.NoError(t, network.Create(name, slot), "again, over what is there")
		require.True(t, network.Exists(name))
		t.Cleanup(func() {
			require.NoError(t, network.Remove(name, slot))
			require.NoError(t, network.Remove(name, slot), "again, when nothing is there")
			assert.False(t, network.Exists(name))
			assert.NoFileExists(t, network.Path(name))
		})
	}
	reaches := func(slot network.Slot) bool {
		// A service that nothing serves, at an address that is there, refuses;
		// silence ends with the timeout.
		cmd := exec.Command("nsenter", "--net="+network.Path("nettest-a"), "timeout", "1",
			"bash", "-c", "exec 3<>/dev/tcp/"+slot.Node().Addr().String()+"/9")
		err := cmd.Run()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		return exit.ExitCode() != 124
	}
	require.True(t, reaches(second))
	require.NoError(t, network.Cut(second))
	assert.False(t, reaches(second), "a cut link is silent")
	require.NoError(t, network.Heal(second))
	assert.True(t, reaches(second))
	assert.NoError(t, exec.Command("ip", "route", "get", second.Pods().Addr().Next().String()).Run())
}
