package boot

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/backube/scribe-gen/test/cluster/network"
)

// Stop ends a program of the cluster and waits until it has ended. etcd and
// kube-apiserver are killed, as in a crash, because they would take a minute to
// end politely; all others are asked first. It does nothing when the program has
// ended.
func (c *Cluster) Stop(ctx context.Context, program string) error {
	if _, err := c.find(program); err != nil {
		return err
	}
	if err := c.programs.Stop(ctx, program); err != nil {
		return fmt.Errorf("cluster %s: %w", c.Name, err)
	}
	return nil
}

// Start starts a program that Stop ended, and waits until it is healthy.
func (c *Cluster) Start(ctx context.Context, program string) error {
	p, err := c.find(program)
	if err != nil {
		return err
	}
	if err := c.programs.Again(program); err != nil {
		return fmt.Errorf("cluster %s: %w", c.Name, err)
	}
	if err := c.awaitHealth(ctx, p); err != nil || program != TektonWebhook {
		return err
	}
	return c.awaitAdmission(ctx) // it listens before it knows its certificate
}

// Restart is Stop and Start.
func (c *Cluster) Restart(ctx context.Context, program string) error {
	if err := c.Stop(ctx, program); err != nil {
		return err
	}
	return c.Start(ctx, program)
}

// Programs lists the names of the cluster's programs.
func (c *Cluster) Programs() []string {
	var list []string
	for _, p := range c.components() {
		list = append(list, p.name)
	}
	return list
}

// Logs returns the file that holds the output of a program.
func (c *Cluster) Logs(program string) string { return c.programs.Log(program) }

// Cut separates the cluster from the other clusters until Heal, as a failed link
// does: packets vanish, nothing is refused. The host still reaches it.
func (c *Cluster) Cut(context.Context) error { return network.Cut(c.slot) }

// Heal undoes Cut.
func (c *Cluster) Heal(context.Context) error { return network.Heal(c.slot) }

// awaitHealthy waits until a cluster that should run shows that it does. A
// program that does not run is an error at once.
func (c *Cluster) awaitHealthy(ctx context.Context) error {
	if !network.Exists(c.Name) {
		return errors.New("its network is gone")
	}
	ctx, cancel := context.WithTimeout(ctx, adoptLimit)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range c.components() {
		if !c.programs.Alive(p.name) {
			return fmt.Errorf("%s does not run%s", p.name, c.programs.Tail(p.name))
		}
		group.Go(func() error { return c.awaitHealth(ctx, p) })
	}
	group.Go(func() error { return c.awaitAdmission(ctx) })
	if !c.ControlPlane {
		group.Go(func() error { return c.awaitNode(ctx) })
		group.Go(func() error { return c.awaitDrivers(ctx) })
	}
	return group.Wait()
}

// Binary returns the file of a program that the cluster was made with, such as
// kubectl.
func (c *Cluster) Binary(name string) string { return c.binary(name) }
