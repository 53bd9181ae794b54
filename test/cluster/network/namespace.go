package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespaces is where named network namespaces are mounted, as ip-netns(8) has
// it.
const namespaces = "/run/netns"

// prefixOfNames begins the name of each network namespace of this package.
const prefixOfNames = "scribe-"

// Path returns the file that stands for the network namespace of a cluster, for
// nsenter(1) and setns(2).
func Path(cluster string) string { return filepath.Join(namespaces, prefixOfNames+cluster) }

// namespace is an open network namespace.
type namespace struct {
	ns netns.NsHandle
	*netlink.Handle
}

// open opens the namespace mounted at path.
func open(path string) (*namespace, error) {
	ns, err := netns.GetFromPath(path)
	if err != nil {
		return nil, fmt.Errorf("open network namespace %s: %w", path, err)
	}
	return handle(ns, path)
}

// openHost opens the namespace of the calling thread, not of the process: its
// first thread may be one that did not come back from elsewhere.
func openHost() (*namespace, error) {
	ns, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("open the host's network namespace: %w", err)
	}
	return handle(ns, "of the host")
}

func handle(ns netns.NsHandle, path string) (*namespace, error) {
	h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		_ = ns.Close()
		return nil, fmt.Errorf("talk to network namespace %s: %w", path, err)
	}
	return &namespace{ns: ns, Handle: h}, nil
}

// Close lets go of the namespace, which lives on as long as it is mounted.
func (n *namespace) Close() {
	n.Handle.Close()
	_ = n.ns.Close()
}

// create makes a network namespace, mounts it at path, and raises its loopback
// device.
func create(path string) (*namespace, error) {
	if err := inOtherThread(func() error {
		_, err := netns.NewNamed(filepath.Base(path))
		return err
	}); err != nil {
		return nil, fmt.Errorf("make network namespace %s: %w", path, err)
	}
	n, err := open(path)
	if err != nil {
		return nil, err
	}
	if err := n.raise("lo"); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// set writes kernel parameters of the namespace, which are those of the thread
// that writes them.
func (n *namespace) set(parameters map[string]string) error {
	return inOtherThread(func() error {
		if err := netns.Set(n.ns); err != nil {
			return err
		}
		for name, value := range parameters {
			if err := os.WriteFile(filepath.Join("/proc/sys/net", name), []byte(value), 0); err != nil {
				return fmt.Errorf("set kernel parameter: %w", err)
			}
		}
		return nil
	})
}

// raise brings a device up.
func (n *namespace) raise(device string) error {
	link, err := n.LinkByName(device)
	if err != nil {
		return fmt.Errorf("find network device %s: %w", device, err)
	}
	if err := n.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring network device %s up: %w", device, err)
	}
	return nil
}

// remove unmounts and removes a namespace's file, whatever it is by now: after a
// reboot it may be an ordinary file.
func remove(path string) error {
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount network namespace %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// inOtherThread calls f, which leaves its thread in another network namespace,
// and brings the thread back.
func inOtherThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		host, err := netns.Get()
		if err != nil {
			result <- err
			return
		}
		defer host.Close()
		err = f()
		// A thread that does not come back is never unlocked, so that the runtime
		// runs nothing else on it.
		if back := netns.Set(host); back != nil {
			result <- errors.Join(err, back)
			return
		}
		runtime.UnlockOSThread()
		result <- err
	}()
	return <-result
}
