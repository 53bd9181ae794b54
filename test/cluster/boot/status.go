package boot

import (
	"context"
	"slices"
	"sync"
)

// Status is what can be seen of a cluster from outside.
type Status struct {
	Name         string `json:"name"`
	ControlPlane bool   `json:"controlPlane"`
	// Healthy says that every program is.
	Healthy bool `json:"healthy"`
	// Problem says why the cluster is not healthy, where no program does.
	Problem    string          `json:"problem,omitempty"`
	Kubeconfig string          `json:"kubeconfig,omitempty"`
	Node       string          `json:"node,omitempty"`
	Programs   []ProgramStatus `json:"programs,omitempty"`
}

// ProgramStatus is what can be seen of a program.
type ProgramStatus struct {
	Name    string `json:"name"`
	PID     int    `json:"pid,omitempty"` // absent when it does not run
	Healthy bool   `json:"healthy"`
	Problem string `json:"problem,omitempty"`
	Log     string `json:"log"`
}

// List returns the state of every cluster of this machine, ordered by name.
func List(ctx context.Context) ([]Status, error) {
	all, err := names()
	if err != nil {
		return nil, err
	}
	list := make([]Status, 0, len(all))
	for _, name := range all {
		list = append(list, inspect(ctx, name))
	}
	return list, nil
}

// inspect returns the state of a cluster, whole or not.
func inspect(ctx context.Context, name string) Status {
	s := Status{Name: name}
	saved, err := load(name)
	if err != nil {
		s.Problem = err.Error()
		return s
	}
	s.ControlPlane = saved.ControlPlane
	if !saved.Ready {
		s.Problem = "being made, or left by an up that failed"
		return s
	}
	c, err := open(name, saved)
	if err != nil {
		s.Problem = err.Error()
		return s
	}
	s.Kubeconfig, s.Node = c.Kubeconfig, c.NodeAddress.String()
	all := c.components()
	s.Programs = make([]ProgramStatus, len(all))
	var probes sync.WaitGroup
	for i, p := range all {
		probes.Go(func() {
			s.Programs[i] = ProgramStatus{Name: p.name, PID: c.programs.PID(p.name), Log: c.Logs(p.name), Healthy: true}
			if err := c.probe(ctx, p); err != nil {
				s.Programs[i].Healthy, s.Programs[i].Problem = false, err.Error()
			}
		})
	}
	probes.Wait()
	s.Healthy = !slices.ContainsFunc(s.Programs, func(p ProgramStatus) bool { return !p.Healthy })
	return s
}
