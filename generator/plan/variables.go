package plan

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/backube/scribe-gen/steps/contract"
)

// VariableKind is what a variable stands for.
type VariableKind string

// The kinds of variables.
const (
	VariableRun    VariableKind = "run"
	VariableOutput VariableKind = "output"
	VariableFile   VariableKind = "file"
	VariableParam  VariableKind = "param"
	VariableMount  VariableKind = "mount"
)

// Variable is a parsed variable.
type Variable struct {
	Kind VariableKind
	// Step is the step whose output is meant; empty for other kinds.
	Step string
	// Name is that of the output, file, parameter or mount; empty for the run ID.
	Name string
}

var variable = regexp.MustCompile(`\$\[([^\]]*)\]`)

// parseVariable parses what is between "$[" and "]".
func parseVariable(text string) (Variable, error) {
	parts := strings.Split(text, ".")
	switch {
	case text == "run":
		return Variable{Kind: VariableRun}, nil
	case len(parts) == 3 && parts[0] == "steps":
		return Variable{Kind: VariableOutput, Step: parts[1], Name: parts[2]}, nil
	case len(parts) == 2 && parts[0] == "files":
		return Variable{Kind: VariableFile, Name: parts[1]}, nil
	case len(parts) == 2 && parts[0] == "params":
		return Variable{Kind: VariableParam, Name: parts[1]}, nil
	case len(parts) == 2 && parts[0] == "mounts":
		return Variable{Kind: VariableMount, Name: parts[1]}, nil
	}
	return Variable{}, fmt.Errorf("unknown variable $[%s]", text)
}

// Variables returns the variables in s, in order, with repetitions.
func Variables(s string) ([]Variable, error) {
	var found []Variable
	for _, m := range variable.FindAllStringSubmatch(s, -1) {
		v, err := parseVariable(m[1])
		if err != nil {
			return nil, err
		}
		found = append(found, v)
	}
	return found, nil
}

// Expand returns s with each variable replaced by what value returns for it. The
// first error ends it.
func Expand(s string, value func(Variable) (string, error)) (string, error) {
	var first error
	out := variable.ReplaceAllStringFunc(s, func(match string) string {
		v, err := parseVariable(match[2 : len(match)-1])
		if err == nil {
			var to string
			if to, err = value(v); err == nil {
				return to
			}
		}
		if first == nil {
			first = err
		}
		return match
	})
	return out, first
}

// Args returns the step's arguments, verb first, with each variable replaced by
// what value returns for it.
func (s *Step) Args(value func(Variable) (string, error)) ([]string, error) {
	args := s.texts()
	for i, arg := range args {
		expanded, err := Expand(arg, value)
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", s.Name, err)
		}
		args[i] = expanded
	}
	return args, nil
}

// texts are the step's arguments with their variables.
func (s *Step) texts() []string {
	args := contract.Args(s.Command)
	for _, w := range s.Settings {
		args = append(args, "--"+w.Flag+"="+ParamValue(w.Param))
	}
	return args
}

// Variables returns the variables in the step's arguments, mount sources, image and
// account.
func (s *Step) Variables() ([]Variable, error) {
	texts := append(s.texts(), s.Pod.Image, s.Account)
	for _, m := range s.Mounts {
		texts = append(texts, m.Source)
	}
	var found []Variable
	for _, text := range texts {
		in, err := Variables(text)
		if err != nil {
			return nil, fmt.Errorf("step %s: %w", s.Name, err)
		}
		found = append(found, in...)
	}
	return found, nil
}

// Mount returns the mount of that name.
func (s *Step) Mount(name string) (Mount, bool) {
	for _, m := range s.Mounts {
		if m.Name == name {
			return m, true
		}
	}
	return Mount{}, false
}

// MountsClaim reports whether the step mounts a volume, which makes it a mover.
func (s *Step) MountsClaim() bool {
	for _, m := range s.Mounts {
		if m.Kind == MountClaim {
			return true
		}
	}
	return false
}
