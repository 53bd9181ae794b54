package contract

import (
	"flag"
	"fmt"
	"reflect"
	"time"
)

// Command is the arguments of one step: a pointer to one of this package's
// structs.
type Command interface {
	// Program is the binary, and Verb its sub-command ("" when it has none).
	Program() string
	Verb() string
}

// Args returns the verb and the arguments of c as "--name=value", in the order
// of its fields, leaving out those that have their zero value (which is every
// flag's default, so parsing the result gives c again).
func Args(c Command) []string {
	var args []string
	if c.Verb() != "" {
		args = append(args, c.Verb())
	}
	eachField(reflect.ValueOf(c).Elem(), func(f reflect.StructField, v reflect.Value) {
		if !v.IsZero() {
			args = append(args, fmt.Sprintf("--%s=%v", f.Tag.Get("flag"), v.Interface()))
		}
	})
	return args
}

// Flags returns a flag set whose flags set the fields of c. An empty value is the
// zero value whatever the type, as a parameter of an engine that nobody set is an
// empty string.
func Flags(c Command) *flag.FlagSet {
	fs := flag.NewFlagSet(c.Program()+" "+c.Verb(), flag.ContinueOnError)
	eachField(reflect.ValueOf(c).Elem(), func(f reflect.StructField, v reflect.Value) {
		name, usage := f.Tag.Get("flag"), f.Tag.Get("usage")
		switch p := v.Addr().Interface().(type) {
		case *string:
			fs.StringVar(p, name, *p, usage)
		case *int:
			fs.IntVar(p, name, *p, usage)
			mayBeEmpty(fs, name, "int", "0")
		case *bool:
			fs.BoolVar(p, name, *p, usage)
			mayBeEmpty(fs, name, "bool", "false")
		case *time.Duration:
			fs.DurationVar(p, name, *p, usage)
			mayBeEmpty(fs, name, "duration", "0s")
		default:
			panic(fmt.Sprintf("contract: %T.%s: flags of type %s are not supported", c, f.Name, f.Type))
		}
	})
	return fs
}

// eachField visits the tagged fields of a struct and of the structs embedded in
// it.
func eachField(v reflect.Value, visit func(reflect.StructField, reflect.Value)) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			eachField(v.Field(i), visit)
			continue
		}
		visit(f, v.Field(i))
	}
}

// emptyValue is a flag's value that reads an empty text as its zero value.
type emptyValue struct {
	flag.Value
	kind, zero string
}

func mayBeEmpty(fs *flag.FlagSet, name, kind, zero string) {
	f := fs.Lookup(name)
	f.Value = emptyValue{f.Value, kind, zero}
}

// Set implements [flag.Value].
func (v emptyValue) Set(text string) error {
	if text == "" {
		text = v.zero
	}
	return v.Value.Set(text)
}

// String implements [flag.Value], also for the zero emptyValue, which package flag
// makes to tell whether a default is worth printing.
func (v emptyValue) String() string {
	if v.Value == nil {
		return ""
	}
	return v.Value.String()
}

// IsBoolFlag says that --name stands for --name=true.
func (v emptyValue) IsBoolFlag() bool { return v.kind == "bool" }

// Type is the type in the words of a help text.
func (v emptyValue) Type() string { return v.kind }
