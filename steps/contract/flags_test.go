package contract

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

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

// A parameter that nobody set is an empty string, which is every type's zero value.
func TestEmptyValuesAreZeroValues(t *testing.T) {
	for _, c := range Commands() {
		fs := Flags(c)
		eachField(reflect.ValueOf(c).Elem(), func(f reflect.StructField, v reflect.Value) {
			name := f.Tag.Get("flag")
			set := map[reflect.Kind]string{reflect.Bool: "true", reflect.Int: "7", reflect.Int64: "7s", reflect.String: "x"}[v.Kind()]
			require.NoError(t, fs.Set(name, set), name)
			assert.False(t, v.IsZero(), name)
			require.NoError(t, fs.Set(name, ""), name)
			assert.True(t, v.IsZero(), name)
		})
	}
	push := &RsyncPush{}
	require.NoError(t, Flags(push).Parse([]string{"--streams=", "--commit-timeout=", "--allow-empty-source"}))
	assert.Equal(t, &RsyncPush{Guard: Guard{AllowEmptySource: true}}, push)
	for _, bad := range []string{"--streams=x", "--commit-timeout=5", "--allow-empty-source=maybe"} {
		fs := Flags(&RsyncPush{})
		fs.SetOutput(io.Discard)
		assert.Error(t, fs.Parse([]string{bad}), bad)
	}
}

// Whatever a parameter holds, what is read is what the same arguments say again.
func FuzzFlags(f *testing.F) {
	f.Add("", "", "", "")
	f.Add("1h", "7", "true", "--x=y")
	f.Add("-1ns", "0x10", "f", "\x00")
	f.Fuzz(func(t *testing.T, timeout, streams, empty, filter string) {
		push := &RsyncPush{}
		fs := Flags(push)
		fs.SetOutput(io.Discard)
		if fs.Parse([]string{"--commit-timeout=" + timeout, "--streams=" + streams, "--allow-empty-source=" + empty, "--filter-file=" + filter}) != nil {
			return
		}
		again := &RsyncPush{}
		require.NoError(t, Flags(again).Parse(Args(push)[1:]))
		assert.Equal(t, push, again)
	})
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
