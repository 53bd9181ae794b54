package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// wanName names the namespace that joins the clusters, and the bridge in it. No
// cluster may have it.
const wanName = "wan"

// Reserved reports whether no cluster may have the name, because it stands for
// the network between them.
func Reserved(cluster string) bool { return cluster == wanName }

// Names of the devices in a cluster's namespace: the link to the other clusters,
// which carries the node's address, and the link to the host.
const (
	wanDevice  = "wan0"
	hostDevice = "host0"
)

// Create makes the network of a cluster, after removing what an earlier one of
// the same name or slot left. Calls for different clusters must not overlap,
// since they share the network between them.
func Create(cluster string, slot Slot) (err error) {
	if err := slot.Check(); err != nil {
		return err
	}
	if err := Remove(cluster, slot); err != nil {
		return err
	}
	wan, err := ensureWAN()
	if err != nil {
		return err
	}
	defer wan.Close()
	own, err := create(Path(cluster))
	if err != nil {
		return err
	}
	defer own.Close()
	if err := own.set(map[string]string{"ipv4/ip_forward": "1"}); err != nil {
		return err
	}
	if err := own.joinWAN(wan, slot); err != nil {
		return fmt.Errorf("link cluster %s to other clusters: %w", cluster, err)
	}
	if err := own.joinHost(slot); err != nil {
		return fmt.Errorf("link cluster %s to the host: %w", cluster, err)
	}
	return nil
}

// ensureWAN opens the namespace that joins clusters, made anew when it is absent
// or only a file that a reboot left.
func ensureWAN() (*namespace, error) {
	path := Path(wanName)
	if n, err := open(path); err == nil {
		if _, err := n.LinkByName(wanDevice); err == nil {
			return n, nil
		}
		n.Close()
	}
	if err := remove(path); err != nil {
		return nil, err
	}
	n, err := create(path)
	if err != nil {
		return nil, err
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: wanDevice}}
	if err := errors.Join(n.LinkAdd(bridge), n.raise(wanDevice)); err != nil {
		n.Close()
		return nil, fmt.Errorf("make the bridge between clusters: %w", err)
	}
	return n, nil
}

// joinWAN links the cluster to the bridge, and routes the networks of all other
// clusters to their nodes, whether they exist yet or not.
func (n *namespace) joinWAN(wan *namespace, slot Slot) error {
	if err := n.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: wanDevice},
		PeerName:  slot.port(), PeerNamespace: netlink.NsFd(wan.ns),
	}); err != nil {
		return fmt.Errorf("make virtual link: %w", err)
	}
	bridge, err := wan.LinkByName(wanDevice)
	if err != nil {
		return fmt.Errorf("find the bridge: %w", err)
	}
	port, err := wan.LinkByName(slot.port())
	if err != nil {
		return fmt.Errorf("find port of the bridge: %w", err)
	}
	if err := wan.LinkSetMaster(port, bridge); err != nil {
		return fmt.Errorf("add port to the bridge: %w", err)
	}
	if err := errors.Join(wan.raise(slot.port()), n.address(wanDevice, slot.Node())); err != nil {
		return err
	}
	for other := Slot(0); other < Slots; other++ {
		if other == slot {
			continue
		}
		for _, p := range other.routed() {
			if err := n.route(wanDevice, p, other.Node().Addr()); err != nil {
				return err
			}
		}
	}
	return nil
}

// joinHost links the cluster to the host, and routes the host's traffic for the
// cluster over that link only.
func (n *namespace) joinHost(slot Slot) error {
	host, err := openHost()
	if err != nil {
		return err
	}
	defer host.Close()
	if err := n.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: hostDevice},
		PeerName:  slot.hostLink(), PeerNamespace: netlink.NsFd(host.ns),
	}); err != nil {
		return fmt.Errorf("make virtual link: %w", err)
	}
	if err := n.address(hostDevice, slot.Management()); err != nil {
		return err
	}
	if err := host.address(slot.hostLink(), slot.Host()); err != nil {
		return err
	}
	node := netip.PrefixFrom(slot.Node().Addr(), 32)
	for _, p := range append(slot.routed(), node) {
		if err := host.route(slot.hostLink(), p, slot.Management().Addr()); err != nil {
			return err
		}
	}
	return nil
}

// address gives a device its address and brings it up.
func (n *namespace) address(device string, p netip.Prefix) error {
	link, err := n.LinkByName(device)
	if err != nil {
		return fmt.Errorf("find network device %s: %w", device, err)
	}
	if err := n.AddrAdd(link, &netlink.Addr{IPNet: ipNet(p)}); err != nil {
		return fmt.Errorf("give network device %s the address %s: %w", device, p, err)
	}
	return n.raise(device)
}

// route sends traffic for a network to a gateway behind a device.
func (n *namespace) route(device string, to netip.Prefix, gateway netip.Addr) error {
	link, err := n.LinkByName(device)
	if err != nil {
		return fmt.Errorf("find network device %s: %w", device, err)
	}
	r := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(to), Gw: gateway.AsSlice()}
	if err := n.RouteReplace(r); err != nil {
		return fmt.Errorf("route %s to %s: %w", to, gateway, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// Remove removes the network of a cluster, as far as it exists, and the network
// between clusters with the last of them.
func Remove(cluster string, slot Slot) error {
	host, err := openHost()
	if err != nil {
		return err
	}
	defer host.Close()
	if err := errors.Join(host.unlink(slot.hostLink()), remove(Path(cluster))); err != nil {
		return err
	}
	wan, err := open(Path(wanName))
	if err != nil {
		return nil // nothing joins clusters, or a file of before a reboot that Create replaces
	}
	defer wan.Close()
	if err := wan.unlink(slot.port()); err != nil {
		return err
	}
	links, err := wan.links()
	if err != nil {
		return fmt.Errorf("list the ports between clusters: %w", err)
	}
	for _, l := range links {
		if l.Attrs().MasterIndex != 0 {
			return nil
		}
	}
	return remove(Path(wanName))
}

// links are the devices of the namespace. A list during which one came or went may
// be incomplete, and is made again.
func (n *namespace) links() (list []netlink.Link, err error) {
	for range 10 {
		if list, err = n.LinkList(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return list, err
}

// unlink deletes a device and with it the other end of its link, if it exists.
func (n *namespace) unlink(device string) error {
	link, err := n.LinkByName(device)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil
	}
	if err == nil {
		err = n.LinkDel(link)
	}
	// It goes by itself when the namespace of its other end is torn down.
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("delete network device %s: %w", device, err)
	}
	return nil
}

// Exists reports whether the network of a cluster is there.
func Exists(cluster string) bool {
	n, err := open(Path(cluster))
	if err != nil {
		return false
	}
	defer n.Close()
	_, err = n.LinkByName(wanDevice)
	return err == nil
}

// Cut silences the link between a cluster and all others: packets vanish in
// both directions, routes and addresses stay. The host still reaches it.
func Cut(slot Slot) error {
	return onPort(slot, "cut", func(wan *namespace, port netlink.Link) error { return wan.LinkSetDown(port) })
}

// Heal undoes Cut.
func Heal(slot Slot) error {
	return onPort(slot, "heal", func(wan *namespace, port netlink.Link) error { return wan.LinkSetUp(port) })
}

func onPort(slot Slot, verb string, do func(*namespace, netlink.Link) error) error {
	wan, err := open(Path(wanName))
	if err != nil {
		return err
	}
	defer wan.Close()
	port, err := wan.LinkByName(slot.port())
	if err == nil {
		err = do(wan, port)
	}
	if err != nil {
		return fmt.Errorf("%s the link %s between clusters: %w", verb, filepath.Join(wanName, slot.port()), err)
	}
	return nil
}
