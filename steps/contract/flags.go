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

// Flags returns a flag set whose flags set the fields of c.
func Flags(c Command) *flag.FlagSet {
	fs := flag.NewFlagSet(c.Program()+" "+c.Verb(), flag.ContinueOnError)
	eachField(reflect.ValueOf(c).Elem(), func(f reflect.StructField, v reflect.Value) {
		name, usage := f.Tag.Get("flag"), f.Tag.Get("usage")
		switch p := v.Addr().Interface().(type) {
		case *string:
			fs.StringVar(p, name, *p, usage)
		case *int:
			fs.IntVar(p, name, *p, usage)
		case *bool:
			fs.BoolVar(p, name, *p, usage)
		case *time.Duration:
			fs.DurationVar(p, name, *p, usage)
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
