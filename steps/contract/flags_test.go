package contract

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every field of every command travels through its arguments, whatever it holds.
func TestArgsRoundTrip(t *testing.T) {
	for _, c := range Commands() {
		t.Run(c.Program()+" "+c.Verb(), func(t *testing.T) {
			n := 0
			eachField(reflect.ValueOf(c).Elem(), func(f reflect.StructField, v reflect.Value) {
				n++
				switch v.Kind() {
				case reflect.String:
					v.SetString(fmt.Sprintf("--odd=%q '\n %d", f.Name, n))
				case reflect.Bool:
					v.SetBool(true)
				case reflect.Int64:
					v.SetInt(int64(time.Duration(n) * time.Second))
				default:
					v.SetInt(int64(n))
				}
			})
			args := Args(c)
			if c.Verb() != "" {
				require.Equal(t, c.Verb(), args[0])
				args = args[1:]
			}
			require.Len(t, args, n, "every field has an argument")
			parsed := reflect.New(reflect.TypeOf(c).Elem()).Interface().(Command)
			require.NoError(t, Flags(parsed).Parse(args))
			assert.Equal(t, c, parsed)
		})
	}
}

// A zero value has no arguments, as it is every flag's default.
func TestZeroValuesHaveNoArguments(t *testing.T) {
	for _, c := range Commands() {
		args := Args(c)
		if c.Verb() != "" {
			args = args[1:]
		}
		assert.Empty(t, args, c.Program())
	}
}

func TestFlagsAreDocumentedAndUnique(t *testing.T) {
	for _, c := range Commands() {
		seen := map[string]bool{}
		eachField(reflect.ValueOf(c).Elem(), func(f reflect.StructField, _ reflect.Value) {
			name, usage := f.Tag.Get("flag"), f.Tag.Get("usage")
			assert.NotEmpty(t, name, "%s.%s", c.Program(), f.Name)
			assert.NotEmpty(t, usage, "%s.%s", c.Program(), f.Name)
			assert.False(t, seen[name], "--%s twice in %s %s", name, c.Program(), c.Verb())
			seen[name] = true
		})
	}
}

func TestOutcomeFitsTheTerminationMessage(t *testing.T) {
	o := Outcome{Step: "rsync push", Outcome: ResultFailed, Reason: strings.Repeat("größer ", 2000), Warnings: []string{strings.Repeat("w", 3000), "second"}}
	b := o.Encode()
	assert.LessOrEqual(t, len(b), OutcomeLimit)
	assert.True(t, utf8.Valid(b))
	assert.Contains(t, string(b), `"reason":"größer`)
	small := Outcome{Step: "x", Outcome: ResultDone, Warnings: []string{"kept"}}
	assert.Contains(t, string(small.Encode()), "kept")
}

func TestNamesFit(t *testing.T) {
	run := strings.Repeat("a", RunIDLimit)
	require.NoError(t, CheckRunID(run))
	assert.LessOrEqual(t, len(CopyName(run)), 63)
	for _, bad := range []string{"", "A", "a_b", "-a", "a-", "a/b", "a.b", run + "a", "é"} {
		assert.Error(t, CheckRunID(bad), bad)
	}
	assert.Equal(t, "scribe-wiki-dr-acba255121", SnapshotName("wiki-dr", "run"))
	assert.NotEqual(t, SnapshotName("wiki-dr", "run"), SnapshotName("wiki-dr", "run2"))
}

func TestRefusals(t *testing.T) {
	assert.Equal(t, ExitFailed, RefusedBusy.ExitCode())
	assert.Equal(t, ExitFailed, RefusedFinished.ExitCode())
	assert.Equal(t, ExitRefused, RefusedPromoted.ExitCode())
	assert.Equal(t, [...]int{2, 78}, NoRetry)
}
