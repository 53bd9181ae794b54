package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/backube/scribe-gen/steps/contract"
)

// Check reports every invariant that the plan breaks: unique and legal names, an
// order that respects needs, variables that can be known when a step starts,
// mounts that do not collide, accounts that exist, limits that nest. A plan of
// [Build] breaks none; templates rely on that instead of checking again.
func Check(p *Plan) error {
	c := &checker{}
	unique(c, "site", p.Sites, func(s Site) string { return s.Name })
	for _, s := range p.Sites {
		in := c.in("site " + s.Name)
		unique(in, "relationship", s.Relationships, func(r Relationship) string { return r.Name })
		for _, r := range s.Relationships {
			in.relationship(&r)
		}
	}
	return errors.Join(c.errs...)
}

// checker collects problems, each with where it was found.
type checker struct {
	where []string
	errs  []error
	up    *checker
}

func (c *checker) in(where string) *checker {
	return &checker{where: append(slices.Clip(c.where), where), up: c}
}

func (c *checker) failf(format string, args ...any) {
	root := c
	for root.up != nil {
		root = root.up
	}
	prefix := strings.Join(append(slices.Clip(c.where), ""), ": ")
	root.errs = append(root.errs, errors.New("plan: "+prefix+fmt.Sprintf(format, args...)))
}

// legal reports why a name is not legal, in the words of Kubernetes' validator.
func (c *checker) legal(kind, name string, limit int, valid func(string) []string) {
	problems := valid(name)
	if len(name) > limit {
		problems = append(problems, fmt.Sprintf("must be no more than %d bytes", limit))
	}
	if len(problems) > 0 {
		c.failf("%s %q: %s", kind, name, strings.Join(problems, "; "))
	}
}

// unique reports names that occur twice.
func unique[T any](c *checker, kind string, list []T, name func(T) string) {
	seen := map[string]bool{}
	for _, v := range list {
		if n := name(v); seen[n] {
			c.failf("two %ss are named %q", kind, n)
		} else {
			seen[n] = true
		}
	}
}

func (c *checker) relationship(r *Relationship) {
	c = c.in("relationship " + r.Name)
	c.legal("name", r.Name, validation.DNS1123LabelMaxLength, validation.IsDNS1123Label)
	unique(c, "pipeline", r.Pipelines, func(p Pipeline) string { return p.Name })
	unique(c, "claim", r.Claims, func(v Claim) string { return v.Name })
	unique(c, "text", r.Texts, func(t Text) string { return t.Name })
	unique(c, "role", r.Accounts, func(a Account) string { return a.Role })
	for _, a := range r.Accounts {
		c.legal("account", a.Name, validation.DNS1123SubdomainMaxLength, validation.IsDNS1123Subdomain)
		c.legal("role", a.Role, validation.DNS1123SubdomainMaxLength, validation.IsDNS1123Subdomain)
	}
	for _, v := range r.Claims {
		c.legal("claim", v.Name, validation.DNS1123SubdomainMaxLength, validation.IsDNS1123Subdomain)
	}
	for _, t := range r.Texts {
		c.legal("text", t.Name, validation.DNS1123SubdomainMaxLength, validation.IsDNS1123Subdomain)
	}
	for i := range r.Pipelines {
		c.pipeline(r, &r.Pipelines[i])
	}
	if r.Listener != nil {
		c.listener(r)
	}
}

func (c *checker) listener(r *Relationship) {
	l := r.Listener
	c.legal("service", l.Service, validation.DNS1035LabelMaxLength, validation.IsDNS1035Label)
	for _, p := range r.Pipelines {
		for _, s := range p.Steps {
			if p.Name == l.Pipeline && s.Name == l.Step {
				if s.Port != l.TargetPort {
					c.failf("listener: step %s listens on port %d, not %d", s.Name, s.Port, l.TargetPort)
				}
				return
			}
		}
	}
	c.failf("listener: no step %s in a pipeline %s", l.Step, l.Pipeline)
}

func (c *checker) pipeline(r *Relationship, p *Pipeline) {
	c = c.in("pipeline " + p.Name)
	c.legal("name", p.Name, PipelineNameLimit, validation.IsDNS1123Label)
	steps := slices.Concat(p.Steps, p.Finally)
	unique(c, "step", steps, func(s Step) string { return s.Name })
	unique(c, "parameter", p.Params, func(v Param) string { return v.Name })
	for _, v := range p.Params {
		c.legal("parameter", v.Name, validation.DNS1123LabelMaxLength, validation.IsDNS1123Label)
	}
	if p.Timeout <= 0 {
		c.failf("timeout %s is not positive", p.Timeout)
	}
	if len(p.Steps) == 0 {
		c.failf("has no steps")
	}
	c.starts(r, p)
	done := known{}
	for i := range p.Steps {
		s := &p.Steps[i]
		c.step(r, p, s, done)
		if s.Timeout >= p.Timeout {
			c.failf("step %s: timeout %s is not within the pipeline's %s", s.Name, s.Timeout, p.Timeout)
		}
		done.add(s)
	}
	// Steps that run whatever became of the others cannot rely on their outputs.
	for i := range p.Finally {
		s := &p.Finally[i]
		if len(s.Needs) > 0 {
			c.failf("step %s: a step that always runs cannot need others", s.Name)
		}
		c.step(r, p, s, known{})
	}
}

func (c *checker) starts(r *Relationship, p *Pipeline) {
	unique(c, "start", p.Starts, func(s Start) string { return s.Name })
	for _, s := range p.Starts {
		c.legal("start", s.Name, validation.DNS1123LabelMaxLength, validation.IsDNS1123Label)
		c.legal("pipeline", s.Pipeline, PipelineNameLimit, validation.IsDNS1123Label)
		if slices.ContainsFunc(slices.Concat(p.Steps, p.Finally), func(step Step) bool { return step.Name == s.Name }) {
			c.failf("start %s has the name of a step", s.Name)
		}
		if !slices.ContainsFunc(r.Accounts, func(a Account) bool { return a.Name == s.Account }) {
			c.failf("start %s: no account %q", s.Name, s.Account)
		}
	}
}

// known is what each step so far makes available to those that need it: its own
// outputs and those of all it needs.
type known map[string]map[Variable]bool

func (k known) add(s *Step) {
	outputs := map[Variable]bool{}
	for _, n := range s.Needs {
		for v := range k[n] {
			outputs[v] = true
		}
	}
	for _, o := range s.Outputs {
		outputs[Variable{Kind: VariableOutput, Step: s.Name, Name: o}] = true
	}
	k[s.Name] = outputs
}

func (c *checker) step(r *Relationship, p *Pipeline, s *Step, before known) {
	c = c.in("step " + s.Name)
	c.legal("name", s.Name, validation.DNS1123LabelMaxLength, validation.IsDNS1123Label)
	if s.Timeout <= 0 {
		c.failf("timeout %s is not positive", s.Timeout)
	}
	if s.Retry.Limit < 0 || s.Retry.Backoff < 0 || s.Retry.MaxBackoff < s.Retry.Backoff {
		c.failf("retry %+v: negative, or the longest wait shorter than the first", s.Retry)
	}
	if !slices.ContainsFunc(r.Accounts, func(a Account) bool { return a.Name == s.Account }) {
		c.failf("no account %q", s.Account)
	}
	reachable := map[Variable]bool{{Kind: VariableRun}: true}
	for _, n := range s.Needs {
		outputs, ok := before[n]
		if !ok {
			c.failf("needs %q, which is no step before it", n)
		}
		for v := range outputs {
			reachable[v] = true
		}
	}
	for _, v := range p.Params {
		reachable[Variable{Kind: VariableParam, Name: v.Name}] = true
	}
	for _, o := range s.Outputs {
		reachable[Variable{Kind: VariableFile, Name: o}] = true
	}
	for _, m := range s.Mounts {
		reachable[Variable{Kind: VariableMount, Name: m.Name}] = true
	}
	c.variables(s, reachable)
	c.settings(s)
	c.mounts(r, s)
}

func (c *checker) settings(s *Step) {
	for _, w := range s.Settings {
		if contract.Flags(s.Command).Lookup(w.Flag) == nil {
			c.failf("has no flag %q to set by a parameter", w.Flag)
			continue
		}
		set := func(arg string) bool { return strings.HasPrefix(arg, "--"+w.Flag+"=") }
		if slices.ContainsFunc(contract.Args(s.Command), set) {
			c.failf("flag %q is set by the command and by parameter %q", w.Flag, w.Param)
		}
	}
}

func (c *checker) variables(s *Step, reachable map[Variable]bool) {
	used, err := s.Variables()
	if err != nil {
		c.failf("%v", err)
	}
	for _, v := range used {
		if !reachable[v] {
			c.failf("uses %s %q, which is not known when it starts", v.Kind, strings.TrimPrefix(v.Step+"."+v.Name, "."))
		}
	}
}

func (c *checker) mounts(r *Relationship, s *Step) {
	unique(c, "mount", s.Mounts, func(m Mount) string { return m.Name })
	unique(c, "mounted path", s.Mounts, func(m Mount) string { return m.Path })
	unique(c, "output", s.Outputs, func(name string) string { return name })
	for _, m := range s.Mounts {
		c.legal("mount", m.Name, validation.DNS1123LabelMaxLength, validation.IsDNS1123Label)
		if !strings.HasPrefix(m.Path, "/") {
			c.failf("mount %s: path %q is not absolute", m.Name, m.Path)
		}
		text := func(t Text) bool { return t.Name == m.Source }
		if m.Kind == MountText && !slices.ContainsFunc(r.Texts, text) {
			c.failf("mount %s: no text %q", m.Name, m.Source)
		}
	}
	for _, o := range s.Outputs {
		c.legal("output", o, validation.DNS1123LabelMaxLength, validation.IsDNS1123Label)
	}
}
