// Package network gives each test cluster a network of its own on one machine:
// a network namespace, a link to the host for management, and a link to the
// other clusters that can be cut and healed without either side noticing more
// than silence.
//
//	host ──198.18.1.4n/30── host0 [cluster n] wan0 ──198.18.0.0/24── wan ── other clusters
//
// All addresses are of 198.18.0.0/15, which is set aside for benchmarks (RFC
// 2544) and used on no real network.
package network

import (
	"fmt"
	"net/netip"
)

// Slots is how many clusters have addresses on one machine.
const Slots = 32

// Slot numbers a cluster, from 0; every address and device name of the cluster
// derives from it.
type Slot int

// Check returns an error unless the slot has addresses.
func (s Slot) Check() error {
	if s < 0 || s >= Slots {
		return fmt.Errorf("network slot %d: must be at least 0 and below %d", int(s), Slots)
	}
	return nil
}

// Node is the address of the cluster's one node, with the network that all
// nodes share: 198.18.0.(n+1)/24.
func (s Slot) Node() netip.Prefix { return prefix(18, 0, int(s)+1, 24) }

// Host is the host's end of the management link: 198.18.1.(4n+1)/30.
func (s Slot) Host() netip.Prefix { return prefix(18, 1, 4*int(s)+1, 30) }

// Management is the cluster's end of the management link: 198.18.1.(4n+2)/30.
func (s Slot) Management() netip.Prefix { return prefix(18, 1, 4*int(s)+2, 30) }

// Pods is the network of the cluster's pods: 198.18.(64+n).0/24.
func (s Slot) Pods() netip.Prefix { return prefix(18, 64+int(s), 0, 24) }

// LoadBalancers is the network that the host and every cluster route to this
// cluster's node, for addresses of Services of type LoadBalancer:
// 198.18.(128+n).0/24.
func (s Slot) LoadBalancers() netip.Prefix { return prefix(18, 128+int(s), 0, 24) }

// Services is the network of the cluster's Services: 198.19.n.0/24.
func (s Slot) Services() netip.Prefix { return prefix(19, int(s), 0, 24) }

// API is the address of the Service kubernetes: the first one of Services.
func (s Slot) API() netip.Addr { return s.Services().Addr().Next() }

// routed are the networks that are reached through the cluster's node.
func (s Slot) routed() []netip.Prefix {
	return []netip.Prefix{s.Pods(), s.LoadBalancers(), s.Services()}
}

// hostLink is the name of the host's end of the management link.
func (s Slot) hostLink() string { return fmt.Sprintf("scribe%d", int(s)) }

// port is the name of the cluster's port in the namespace that joins clusters.
func (s Slot) port() string { return fmt.Sprintf("port%d", int(s)) }

// prefix is 198.second.third.fourth/bits.
func prefix(second, third, fourth, bits int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{198, byte(second), byte(third), byte(fourth)}), bits)
}
