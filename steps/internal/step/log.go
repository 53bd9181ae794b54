package step

import (
	"log/slog"
	"os"
	"reflect"

	"golang.org/x/term"

	"github.com/backube/scribe-gen/steps/contract"
)

// newLogger logs JSON lines with stable keys, and text when stderr is a
// terminal.
func newLogger(env *Env, name string, c contract.Common, attempt string) *slog.Logger {
	var handler slog.Handler = slog.NewJSONHandler(env.Stderr, nil)
	if f, ok := env.Stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		handler = slog.NewTextHandler(env.Stderr, nil)
	}
	log := slog.New(handler).With("step", name)
	for _, kv := range [][2]string{
		{"replication", c.Replication}, {"relationship", c.Relationship},
		{"run", c.Run}, {"attempt", attempt},
	} {
		if kv[1] != "" {
			log = log.With(kv[0], kv[1])
		}
	}
	return log
}

// commonOf returns the arguments that every step takes.
func commonOf(c contract.Command) contract.Common {
	common, _ := reflect.ValueOf(c).Elem().FieldByName("Common").Interface().(contract.Common)
	return common
}
