package network_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/cluster/network"
)

func TestSlotAddresses(t *testing.T) {
	s := network.Slot(2)
	assert.Equal(t, "198.18.0.3/24", s.Node().String())
	assert.Equal(t, "198.18.1.9/30", s.Host().String())
	assert.Equal(t, "198.18.1.10/30", s.Management().String())
	assert.Equal(t, "198.18.66.0/24", s.Pods().String())
	assert.Equal(t, "198.18.130.0/24", s.LoadBalancers().String())
	assert.Equal(t, "198.19.2.0/24", s.Services().String())
	assert.Equal(t, "198.19.2.1", s.API().String())
}

func TestSlotsNeverOverlap(t *testing.T) {
	all := netip.MustParsePrefix("198.18.0.0/15")
	var networks []netip.Prefix
	nodes := map[netip.Addr]bool{}
	for s := network.Slot(0); s < network.Slots; s++ {
		require.NoError(t, s.Check())
		assert.Equal(t, s.Host().Masked(), s.Management().Masked(), "both ends of slot %d", s)
		assert.False(t, nodes[s.Node().Addr()], "node address of slot %d", s)
		nodes[s.Node().Addr()] = true
		for _, p := range []netip.Prefix{s.Host().Masked(), s.Pods(), s.LoadBalancers(), s.Services()} {
			assert.True(t, all.Contains(p.Addr()), "%s of slot %d", p, s)
			assert.False(t, s.Node().Masked().Overlaps(p), "%s of slot %d and the nodes' network", p, s)
			for _, other := range networks {
				assert.False(t, other.Overlaps(p), "%s and %s", other, p)
			}
			networks = append(networks, p)
		}
	}
}

func TestSlotOutOfRange(t *testing.T) {
	assert.ErrorContains(t, network.Slot(-1).Check(), "slot -1")
	assert.ErrorContains(t, network.Slot(network.Slots).Check(), "below 32")
}
