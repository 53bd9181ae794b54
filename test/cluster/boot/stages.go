package boot

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/backube/scribe-gen/test/cluster/build"
	"github.com/backube/scribe-gen/test/cluster/network"
)

// assembly is the making of one cluster, from its state file to the last answer
// that says healthy. Each stage needs the one before; what is within a stage runs
// at the same time.
type assembly struct {
	*Cluster
	options  Options
	state    state
	builder  *build.Builder
	archives []string // of the images that every cluster has
	seed     string   // the file of the custom resources that are kept
}

func (a *assembly) run(ctx context.Context) error {
	for _, stage := range []struct {
		name  string
		tasks []func(context.Context) error
	}{
		{"files and links", a.prepare()},
		{"control plane", a.base()},
		{"node and controllers", a.rest()},
	} {
		began := time.Now()
		group, ctx := errgroup.WithContext(ctx)
		for _, task := range stage.tasks {
			group.Go(func() error { return task(ctx) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
		a.options.Log.Info("done: "+stage.name, "cluster", a.Name, "took", time.Since(began).Round(10*time.Millisecond))
	}
	return nil
}

// nodeOnly returns the tasks, or none when the cluster is only a control plane.
func (a *assembly) nodeOnly(tasks ...func(context.Context) error) []func(context.Context) error {
	if a.ControlPlane {
		return nil
	}
	return tasks
}

// prepare makes all that programs find when they start.
func (a *assembly) prepare() []func(context.Context) error {
	r := renderer{layout: a.layout, name: a.Name, slot: a.slot}
	tasks := []func(context.Context) error{
		func(context.Context) error { return r.writeConfigs() },
		func(context.Context) error {
			if err := r.writeCertificates(); err != nil {
				return err
			}
			return a.connect()
		},
		func(context.Context) error { return takePrograms(a.layout, a.state.Builds) },
		func(ctx context.Context) error { return collectDefinitions(ctx, a.builder, a.layout) },
		func(ctx context.Context) error { return collectSettings(ctx, a.builder, a.layout) },
		func(context.Context) error { return a.group.Create() },
		a.makeNetwork,
	}
	return append(tasks, a.nodeOnly(func(ctx context.Context) error { return makeVolumes(ctx, a.layout) })...)
}

// makeNetwork makes the cluster's network, while no other cluster does.
func (a *assembly) makeNetwork(ctx context.Context) error {
	unlock, err := lock(ctx, machineLock)
	if err != nil {
		return err
	}
	defer unlock()
	return network.Create(a.Name, a.slot)
}

// base starts the API server, and meanwhile the container runtime.
func (a *assembly) base() []func(context.Context) error {
	return append(a.nodeOnly(func(ctx context.Context) error {
		return a.startAll(ctx, []component{a.runtime()})
	}, func(ctx context.Context) (err error) {
		a.archives, err = writeImages(ctx, a.layout)
		return err
	}), a.startControlPlane)
}

// startControlPlane starts etcd and the API server, and the controller manager
// once the API server answers.
func (a *assembly) startControlPlane(ctx context.Context) (err error) {
	p := a.controlPlane()
	if err := a.startAll(ctx, p[:1]); err != nil {
		return err
	}
	if a.seed, err = a.seedFile(a.builder, a.state); err != nil {
		return err
	}
	if err := a.sow(ctx, a.seed); err != nil {
		return err
	}
	if err := a.startAll(ctx, p[1:2]); err != nil {
		return err
	}
	return a.start(p[2]) // healthy later, and needed by nothing that starts now
}

// rest starts everything else, and waits until all of it is healthy.
func (a *assembly) rest() []func(context.Context) error {
	tasks := []func(context.Context) error{
		a.awaitAccounts,
		func(ctx context.Context) error { return a.awaitHealth(ctx, a.controlPlane()[2]) },
		a.startControllers,
	}
	return append(tasks, a.nodeOnly(a.startNode, a.loadImages)...)
}

// startControllers serves the custom resources and starts those who act on them.
func (a *assembly) startControllers(ctx context.Context) error {
	if err := a.applyManifest(ctx, "argo.yaml"); err != nil {
		return err
	}
	if err := a.applyTekton(ctx); err != nil {
		return err
	}
	if err := a.applyDefinitions(ctx); err != nil {
		return err
	}
	// Before Tekton's webhook starts, which writes the certificate of this cluster
	// into definitions.
	if err := a.reap(ctx, a.seed); err != nil {
		return err
	}
	for _, p := range a.tekton() {
		if err := a.start(p); err != nil {
			return err
		}
	}
	for _, name := range []string{"storage.yaml", "snapshots.yaml"} {
		if err := a.applyManifest(ctx, name); err != nil {
			return err
		}
	}
	if !a.ControlPlane {
		if err := a.startAll(ctx, a.controllers()); err != nil {
			return err
		}
	}
	if err := a.startAll(ctx, a.tekton()); err != nil { // run already: waits
		return err
	}
	return a.awaitAdmission(ctx)
}

// startNode starts the node and waits until pods can run and have volumes,
// Services and names.
func (a *assembly) startNode(ctx context.Context) error {
	for _, p := range a.node() {
		if err := a.start(p); err != nil {
			return err
		}
	}
	if err := a.awaitRegistered(ctx); err != nil {
		return err
	}
	if err := a.startAll(ctx, []component{a.proxy()}); err != nil {
		return err
	}
	if err := a.startAll(ctx, a.node()); err != nil { // run already: waits
		return err
	}
	if err := a.awaitNode(ctx); err != nil {
		return err
	}
	return a.awaitDrivers(ctx)
}

func (a *assembly) loadImages(ctx context.Context) error {
	for _, archive := range a.archives {
		if err := a.LoadImage(ctx, archive); err != nil {
			return err
		}
	}
	return nil
}

// startAll starts programs and waits until each is healthy.
func (c *Cluster) startAll(ctx context.Context, programs []component) error {
	for _, p := range programs {
		if err := c.start(p); err != nil {
			return err
		}
	}
	for _, p := range programs {
		if err := c.awaitHealth(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// start starts a program that does not run yet.
func (c *Cluster) start(p component) error {
	command := p.Command
	if command.Path == "" {
		name := p.binary
		if name == "" {
			name = p.name
		}
		command.Path = c.binary(name)
	}
	return c.programs.Start(p.name, command)
}

// find returns the program of a name.
func (c *Cluster) find(name string) (component, error) {
	all := c.components()
	i := slices.IndexFunc(all, func(p component) bool { return p.name == name })
	if i < 0 {
		return component{}, fmt.Errorf("cluster %s has no program %q", c.Name, name)
	}
	return all[i], nil
}
