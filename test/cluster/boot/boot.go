// Package boot makes Kubernetes clusters for tests on one Linux machine: real
// programs as processes of the host, each cluster in a network namespace and a
// control group of its own, on files below one directory, so that several run
// side by side, can be cut apart, and vanish without a trace.
//
//	c, err := boot.Up(ctx, boot.Options{Name: "primary"})
//	...
//	defer c.Down(context.WithoutCancel(ctx))
//
// Up adopts a cluster that runs already and clears away one that does not any
// more, whatever became of whoever made it. The programs come from package build.
package boot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/backube/scribe-gen/test/cluster/build"
	"github.com/backube/scribe-gen/test/cluster/cgroup"
	"github.com/backube/scribe-gen/test/cluster/network"
	"github.com/backube/scribe-gen/test/cluster/process"
)

// DefaultName is the name of a cluster that is given none.
const DefaultName = "dev"

// Limits of time.
const (
	bootLimit = 5 * time.Minute
	downLimit = 30 * time.Second
	// adoptLimit is how long a cluster that runs may take to show that it is
	// healthy before it is made anew.
	adoptLimit = 30 * time.Second
)

// Options say which cluster to make.
type Options struct {
	// Name of the cluster and of its node: a DNS label of at most 20 characters,
	// by default DefaultName.
	Name string
	// ControlPlane leaves out the node and all that needs one: no pod runs, but all
	// custom resources are served. Tekton's are defaulted and validated, and its
	// TaskRuns become pods, which nobody schedules.
	ControlPlane bool
	// Log receives a line per stage; by default they are dropped.
	Log *slog.Logger
}

// Cluster is a cluster that runs.
type Cluster struct {
	// Name of the cluster and of its node.
	Name string
	// ControlPlane says that the cluster has no node.
	ControlPlane bool
	// Kubeconfig is the file with every right, good in the host's own network
	// namespace.
	Kubeconfig string
	// AuditLog is the file that tells, at level Metadata, what ServiceAccounts
	// asked the API server for; an event is in it before its answer is sent.
	AuditLog string
	// NodeAddress is the node's address, for the host and for other clusters.
	NodeAddress netip.Addr
	// Pods and Services are the networks of the cluster; the host and other
	// clusters reach them. LoadBalancers is routed likewise to the cluster's node:
	// a Service whose status is given an address of it answers there.
	Pods, Services, LoadBalancers netip.Prefix

	layout
	slot     network.Slot
	programs process.Set
	group    cgroup.Group
	config   *rest.Config
	client   *http.Client
}

// names that are safe in paths, device names and control groups, and short
// enough for sockets.
var validName = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,18}[a-z0-9])?$`)

// Up returns the cluster of a name: the one that runs, when it is healthy and of
// the same kind, or else a new one, after everything that an earlier one left has
// been removed. It builds programs and installs packages as far as they are
// missing, which takes minutes the first time. When it fails, nothing runs, and
// the logs stay until the next Up or Down.
func Up(ctx context.Context, o Options) (*Cluster, error) {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if !validName.MatchString(o.Name) || network.Reserved(o.Name) {
		return nil, fmt.Errorf("cluster name %q: must be a DNS label of at most 20 characters, and not wan", o.Name)
	}
	if err := ensureHost(ctx, o.Log, o.ControlPlane); err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, o.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if c, err := adopt(ctx, o); err != nil || c != nil {
		return c, err
	}
	b, err := build.New(o.Log)
	if err != nil {
		return nil, err
	}
	dirs, err := ensureBuilds(ctx, b, o.ControlPlane)
	if err != nil {
		return nil, err
	}
	return create(ctx, o, b, dirs)
}

// adopt returns the cluster when it runs, is healthy, and of the kind that is
// asked for; nil when a new one has to be made, and after removing leftovers.
func adopt(ctx context.Context, o Options) (*Cluster, error) {
	s, err := load(o.Name)
	if err == nil && s.Ready && s.ControlPlane == o.ControlPlane {
		c, err := open(o.Name, s)
		if err == nil {
			err = c.awaitHealthy(ctx)
		}
		if err == nil {
			o.Log.Info("adopted the cluster that runs", "cluster", o.Name, "kubeconfig", c.Kubeconfig)
			return c, nil
		}
		why, _, _ := strings.Cut(err.Error(), "\n") // the log's end is in a file that goes
		o.Log.Warn("the cluster is not healthy and is made anew", "cluster", o.Name, "why", why)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		o.Log.Warn("leftovers of a cluster are removed", "cluster", o.Name, "why", err)
	}
	return nil, remove(ctx, o.Name)
}

// create makes a cluster, or nothing but logs.
func create(ctx context.Context, o Options, b *build.Builder, dirs map[string]string) (*Cluster, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, bootLimit, fmt.Errorf("cluster %s is not up within %s", o.Name, bootLimit))
	defer cancel()
	s, err := claimSlot(ctx, o, dirs)
	if err != nil {
		return nil, err
	}
	c, err := newCluster(o.Name, s)
	if err == nil {
		err = c.make()
	}
	if err == nil {
		err = (&assembly{Cluster: c, options: o, state: s, builder: b}).run(ctx)
	}
	if err == nil {
		err = c.awaitHealthy(ctx) // what was healthy first may have ended since
	}
	if err != nil {
		err = fmt.Errorf("cluster %s: %w", o.Name, err)
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		return nil, errors.Join(err, halt(context.WithoutCancel(ctx), o.Name, s.Slot))
	}
	s.Ready = true
	if err := s.save(o.Name); err != nil {
		return nil, err
	}
	o.Log.Info("cluster is up", "cluster", o.Name, "took", time.Since(began).Round(100*time.Millisecond), "kubeconfig", c.Kubeconfig)
	return c, nil
}

// claimSlot gives the cluster its addresses and its directory.
func claimSlot(ctx context.Context, o Options, dirs map[string]string) (state, error) {
	unlock, err := lock(ctx, machineLock)
	if err != nil {
		return state{}, err
	}
	defer unlock()
	return claim(o.Name, state{ControlPlane: o.ControlPlane, Builds: dirs})
}

// Open returns a cluster that an earlier Up made. The error is [fs.ErrNotExist]
// when there is none.
func Open(name string) (*Cluster, error) {
	s, err := load(name)
	if err != nil {
		return nil, err
	}
	if !s.Ready {
		return nil, fmt.Errorf("cluster %s is not up: run up again", name)
	}
	return open(name, s)
}

// open returns the cluster of a state whose kubeconfig exists.
func open(name string, s state) (*Cluster, error) {
	c, err := newCluster(name, s)
	if err != nil {
		return nil, err
	}
	return c, c.connect()
}

// newCluster returns a cluster that need not run.
func newCluster(name string, s state) (*Cluster, error) {
	group, err := cgroup.Open(layout{filepath.Join(Root, name)}.controlGroup())
	if err != nil {
		return nil, err
	}
	l := layout{filepath.Join(Root, name)}
	return &Cluster{
		Name: name, ControlPlane: s.ControlPlane,
		Kubeconfig: l.kubeconfig(), AuditLog: l.auditLog(),
		NodeAddress: s.Slot.Node().Addr(), Pods: s.Slot.Pods(), Services: s.Slot.Services(), LoadBalancers: s.Slot.LoadBalancers(),
		layout: l, slot: s.Slot, group: group,
		programs: l.programs(network.Path(name), group.System()),
	}, nil
}

// connect reads the kubeconfig.
func (c *Cluster) connect() (err error) {
	if c.config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig); err != nil {
		return fmt.Errorf("read kubeconfig of cluster %s: %w", c.Name, err)
	}
	c.config.QPS, c.config.Burst = 500, 1000
	c.client, err = newClient(c.config)
	return err
}
