package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/templates/argo"
)

// Block is a step that others use in pipelines of their own.
type Block struct {
	// Name is that of the block, such as rsync-push; the package's has a prefix.
	Name string
	// Title is the display name, Summary one sentence without its full stop.
	Title, Summary string
	// Keywords are for those who search.
	Keywords []string
	// Role is that of its pipeline in a replication: source, destination or promote.
	Role string
	// Step has everything that differs from use to use as a parameter.
	Step plan.Step
	// Params are its parameters, those that must be given first.
	Params []Param
	// Account is the rights that it needs for the sample.
	Account plan.Account
	// Example is the values of parameters in the sample.
	Example []Value
}

// Param is a parameter of a block.
type Param struct {
	plan.Param
	// Required has no default.
	Required bool
}

// Value is the value of a parameter.
type Value struct{ Name, Value string }

// Package is the name of the block's package, object and ServiceAccount.
func (b *Block) Package() string { return prefix + b.Name }

// Relationship is that of the sample.
func (b *Block) Relationship() string {
	for _, v := range b.Example {
		if v.Name == "relationship" {
			return v.Value
		}
	}
	return ""
}

// Mover reports whether the block mounts volumes.
func (b *Block) Mover() bool { return b.Step.MountsClaim() }

// Params that are no flags.
const (
	paramImage   = "image"
	paramAccount = "service-account"
)

// How long one attempt may take unless somebody says otherwise.
const (
	moverLimit   = 24 * time.Hour
	controlLimit = time.Hour
)

// Blocks returns all blocks in a fixed order.
func Blocks() ([]*Block, error) {
	steps, err := compiled()
	if err != nil {
		return nil, err
	}
	var blocks []*Block
	for _, e := range entries {
		from, ok := steps[e.name]
		if !ok {
			return nil, fmt.Errorf("block %s: no sample has its step", e.name)
		}
		b, err := e.block(from)
		if err != nil {
			return nil, fmt.Errorf("block %s: %w", e.name, err)
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

func (e entry) block(from found) (*Block, error) {
	b := &Block{
		Name: e.name, Title: e.title, Summary: e.summary, Keywords: e.keywords, Role: from.role,
		Step: from.step, Account: from.account, Example: e.example,
	}
	b.Step.Needs = nil
	b.Step.Timeout = controlLimit
	if b.Mover() {
		b.Step.Timeout = moverLimit
	}
	flags, err := e.flags(&b.Step)
	if err != nil {
		return nil, err
	}
	b.Params = append(flags, e.mounts(&b.Step)...)
	slices.SortFunc(b.Params, func(x, y Param) int { return cmp.Compare(x.Name, y.Name) })
	b.Params = slices.CompactFunc(b.Params, func(x, y Param) bool { return x.Name == y.Name })
	slices.SortStableFunc(b.Params, func(x, y Param) int {
		switch {
		case x.Required == y.Required:
			return 0
		case x.Required:
			return -1
		}
		return 1
	})
	b.Params = append(b.Params, Param{Param: plan.Param{
		Name: paramImage, Default: b.Step.Pod.Image, Description: "image of the step",
	}})
	b.Step.Pod.Image = plan.ParamValue(paramImage)
	return b, e.check(b)
}

// check finds entries of the table that are about nothing.
func (e entry) check(b *Block) error {
	known := func(name string) bool {
		return slices.ContainsFunc(b.Params, func(p Param) bool { return p.Name == name })
	}
	names := slices.Clone(e.required)
	for name := range e.defaults {
		names = append(names, name)
	}
	for name := range e.notes {
		names = append(names, name)
	}
	for _, v := range e.example {
		names = append(names, v.Name)
	}
	for _, name := range names {
		if !known(name) {
			return fmt.Errorf("has no parameter %s", name)
		}
	}
	return nil
}

// argoParams are the parameters that only the template of Argo has, besides those of
// the block.
func (b *Block) argoParams() []Param {
	return []Param{
		{Param: plan.Param{Name: paramAccount, Default: b.Package(), Description: "ServiceAccount of the pod"}},
		{Param: plan.Param{Name: argo.InputDeadline, Default: shortDuration(b.Step.Timeout),
			Description: "how long one attempt may take, pending time included"}},
	}
}

// runParam is the run ID, with the notation of its default.
func runParam(value string) Param {
	return Param{Param: plan.Param{Name: argo.InputRun, Default: value,
		Description: "run ID: what the steps of one run have in common, and the same in every attempt"}}
}

// shortDuration prints whole hours as people do.
func shortDuration(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}
