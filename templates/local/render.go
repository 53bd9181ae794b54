package local

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// values are what is known of the plan's variables so far.
type values map[plan.Variable]string

// expand replaces the variables in text. One that is not known is an error, as
// an argument with a variable in it would be taken for a path or a name.
func (v values) expand(text string) (string, error) {
	return plan.Expand(text, func(of plan.Variable) (string, error) {
		value, ok := v[of]
		if !ok {
			return "", fmt.Errorf("%q has no value", text)
		}
		return value, nil
	})
}

// runID is the variable of the run ID.
var runID = plan.Variable{Kind: plan.VariableRun}

func param(name string) plan.Variable { return plan.Variable{Kind: plan.VariableParam, Name: name} }

// rendered is a step ready to run on this host.
type rendered struct {
	command contract.Command
	// outputs are the files that the step writes, by output name.
	outputs map[string]string
	// outcome is the file of the step's last word.
	outcome string
}

// render turns a step of the part into a command for this host: variables get
// their values, mounts become the directories themselves, and the files that the
// step writes go below dir.
func render(part Part, step plan.Step, known values, dir string) (*rendered, error) {
	vars, err := mountValues(part, step, known)
	if err != nil {
		return nil, err
	}
	r := &rendered{
		command: clone(step.Command),
		outputs: make(map[string]string, len(step.Outputs)),
		outcome: filepath.Join(dir, "outcome.json"),
	}
	for _, name := range step.Outputs {
		r.outputs[name] = filepath.Join(dir, "outputs", name)
		vars[plan.Variable{Kind: plan.VariableFile, Name: name}] = r.outputs[name]
	}
	if err := eachString(reflect.ValueOf(r.command).Elem(), vars.expand); err != nil {
		return nil, err
	}
	if common := embedded[contract.Common](r.command); common != nil {
		common.Run, common.TerminationFile = known[runID], r.outcome
	}
	if site := embedded[contract.Site](r.command); site != nil {
		site.Directory, site.Namespace = part.Site.Directory, ""
	}
	return r, nil
}

// mountValues returns the known values and those of the step's mounts.
func mountValues(part Part, step plan.Step, known values) (values, error) {
	vars := make(values, len(known)+len(step.Mounts))
	for k, v := range known {
		vars[k] = v
	}
	for _, m := range step.Mounts {
		source, err := known.expand(m.Source)
		if err != nil {
			return nil, fmt.Errorf("mount %s: %w", m.Name, err)
		}
		var path string
		switch m.Kind {
		case plan.MountClaim:
			path = part.Layout().Volume(source)
		case plan.MountSecret:
			path = part.Layout().Secret(source)
		case plan.MountText:
			path = textDirectory(part, source)
		default:
			return nil, fmt.Errorf("mount %s: the local engine has no mounts of kind %q", m.Name, m.Kind)
		}
		vars[plan.Variable{Kind: plan.VariableMount, Name: m.Name}] = path
	}
	return vars, nil
}

// textDirectory is where the files of user text are for the steps to read.
func textDirectory(part Part, text string) string {
	return filepath.Join(part.Site.Directory, "config", text)
}

// clone copies a command; its fields are plain values.
func clone(c contract.Command) contract.Command {
	v := reflect.New(reflect.TypeOf(c).Elem())
	v.Elem().Set(reflect.ValueOf(c).Elem())
	return v.Interface().(contract.Command)
}

// eachString replaces every string field of a struct and of those embedded in it.
func eachString(v reflect.Value, change func(string) (string, error)) error {
	for i := range v.NumField() {
		f := v.Field(i)
		switch f.Kind() {
		case reflect.Struct:
			if err := eachString(f, change); err != nil {
				return err
			}
		case reflect.String:
			s, err := change(f.String())
			if err != nil {
				return fmt.Errorf("argument --%s: %w", v.Type().Field(i).Tag.Get("flag"), err)
			}
			f.SetString(s)
		}
	}
	return nil
}

// embedded returns the struct of type T that is embedded in the command, to read or
// set its fields; nil when there is none.
func embedded[T any](c contract.Command) *T {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if t, ok := v.Field(i).Addr().Interface().(*T); ok && v.Type().Field(i).Anonymous {
			return t
		}
	}
	return nil
}

// readOutputs returns the values of the step's outputs. One that is missing is
// an error: a later step would run with an empty argument.
func (r *rendered) readOutputs(step string) (values, error) {
	out := make(values, len(r.outputs))
	for key, file := range r.outputs {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read output %s of step %s: %w", key, step, err)
		}
		out[plan.Variable{Kind: plan.VariableOutput, Step: step, Name: key}] = strings.TrimSpace(string(b))
	}
	return out, nil
}
