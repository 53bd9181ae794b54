package local

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// The step binaries of these tests are this test binary under their names. What
// a step does is in the file $FAKE/<program>-<verb>, one action a line; what it
// was called with goes to $FAKE/journal.

func TestMain(m *testing.M) {
	switch program := filepath.Base(os.Args[0]); program {
	case contract.ProgramSnapshot, contract.ProgramRsync, contract.ProgramPromote:
		os.Exit(fakeStep(program, os.Args[1:]))
	default:
		os.Exit(m.Run())
	}
}

func fakeStep(program string, args []string) int {
	var verb string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		verb, args = args[0], args[1:]
	}
	step := strings.TrimSuffix(program+"-"+verb, "-")
	command := fakeCommand(program, verb)
	if command == nil {
		return contract.ExitUsage
	}
	if err := contract.Flags(command).Parse(args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return contract.ExitUsage
	}
	b, _ := json.Marshal(command)
	journal("start %s %s", step, b)
	code := act(step, command)
	journal("end %s %d", step, code)
	return code
}

func fakeCommand(program, verb string) contract.Command {
	for _, c := range contract.Commands() {
		if c.Program() == program && c.Verb() == verb {
			return c
		}
	}
	return nil
}

func journal(format string, args ...any) {
	f, err := os.OpenFile(filepath.Join(os.Getenv("FAKE"), "journal"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	fmt.Fprintf(f, format+"\n", args...)
}

// act does the step's actions, one after another; the first that ends the step
// gives its exit code.
func act(step string, command contract.Command) int {
	script, _ := os.ReadFile(filepath.Join(os.Getenv("FAKE"), step))
	interrupted := contract.ExitDone
	for line := range strings.Lines(string(script)) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "say":
			fmt.Fprintln(os.Stderr, rest)
		case "output": // output <field> <value>
			field, value, _ := strings.Cut(rest, " ")
			file := reflect.ValueOf(command).Elem().FieldByName(field).String()
			must(os.WriteFile(file, []byte(value+"\n"), 0o644))
		case "write": // write <name> <content>, below the site's secrets
			name, content, _ := strings.Cut(rest, " ")
			site := embedded[contract.Site](command)
			file := filepath.Join(site.Directory, "secrets", name)
			must(os.MkdirAll(filepath.Dir(file), 0o700))
			must(os.WriteFile(file, []byte(content), 0o400))
		case "outcome":
			must(os.WriteFile(embedded[contract.Common](command).TerminationFile, []byte(rest), 0o644))
		case "await": // await <file> in $FAKE
			for !exists(filepath.Join(os.Getenv("FAKE"), rest)) {
				time.Sleep(5 * time.Millisecond)
			}
		case "touch":
			must(os.WriteFile(filepath.Join(os.Getenv("FAKE"), rest), nil, 0o644))
		case "fail-until": // fail-until <attempt> <exit code>
			var attempt, code int
			_, _ = fmt.Sscan(rest, &attempt, &code)
			if n, _ := strconv.Atoi(os.Getenv(contract.AttemptVariable)); n < attempt {
				return code
			}
		case "exit":
			code, _ := strconv.Atoi(rest)
			return code
		case "hang": // hang <file>: until SIGTERM, after making the file in $FAKE
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
			if rest != "" {
				must(os.WriteFile(filepath.Join(os.Getenv("FAKE"), rest), nil, 0o644))
			}
			<-ctx.Done()
			stop()
			journal("terminated %s", step)
			interrupted = contract.ExitFailed
		case "stubborn": // stubborn <file>: ignores SIGTERM, has a child that does, makes the file
			signal.Ignore(syscall.SIGTERM)
			child := exec.Command("sleep", "300")
			must(child.Start())
			journal("child %d", child.Process.Pid)
			journal("child %d", os.Getpid())
			if rest != "" {
				must(os.WriteFile(filepath.Join(os.Getenv("FAKE"), rest), nil, 0o644))
			}
			select {}
		}
	}
	return interrupted
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// world is two sites and fake steps.
type world struct {
	t               *testing.T
	fake, steps     string
	primary, backup string
	lines           *recorder
	engine          *Engine
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{
		t: t, fake: filepath.Join(dir, "fake"), steps: filepath.Join(dir, "steps"),
		primary: filepath.Join(dir, "primary"), backup: filepath.Join(dir, "backup"),
		lines: &recorder{},
	}
	self, err := os.Executable()
	require.NoError(t, err)
	for _, d := range []string{w.fake, w.steps, filepath.Join(w.primary, "volumes", "data")} {
		require.NoError(t, os.MkdirAll(d, 0o755))
	}
	for _, program := range []string{contract.ProgramSnapshot, contract.ProgramRsync, contract.ProgramPromote} {
		require.NoError(t, os.Symlink(self, filepath.Join(w.steps, program)))
	}
	t.Setenv("FAKE", w.fake)
	t.Setenv("TMPDIR", dir)
	w.script("snapshot-create", "output ClaimFile copy-1", "output RecoveryPointFile 2026-11-20T09:00:00Z")
	w.script("rsync-keys", "write scribe-demo-there-push/client.key secret")
	w.engine = New(Options{Steps: w.steps, Reporter: w.lines, Grace: 200 * time.Millisecond})
	return w
}

func (w *world) script(step string, actions ...string) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(filepath.Join(w.fake, step), []byte(strings.Join(actions, "\n")+"\n"), 0o644))
}

// journal returns the first words of the journal's lines that begin with one of
// the prefixes.
func (w *world) journal(prefixes ...string) []string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.fake, "journal"))
	if !os.IsNotExist(err) {
		require.NoError(w.t, err)
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		for _, p := range prefixes {
			if strings.HasPrefix(line, p) {
				fields := strings.Fields(line)
				out = append(out, strings.Join(fields[:2], " "))
			}
		}
	}
	return out
}

// called returns the arguments of the last call of a step.
func called[C contract.Command](w *world, step string, into C) C {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.fake, "journal"))
	require.NoError(w.t, err)
	var found string
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "start "+step+" "); ok {
			found = rest
		}
	}
	require.NotEmpty(w.t, found, "%s was not called", step)
	require.NoError(w.t, json.Unmarshal([]byte(found), into))
	return into
}

func common() contract.Common {
	return contract.Common{Replication: "demo", Relationship: "demo-there", Run: plan.Run}
}

func (w *world) source() Part {
	retry := plan.Retry{Limit: 2, Backoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond}
	return Part{
		Site: plan.Site{Name: "here", Engine: Name, Directory: w.primary},
		Relationship: plan.Relationship{Name: "demo-there", Texts: []plan.Text{
			{Name: "demo-filters", Files: map[string]string{"filters": "- *.tmp\n"}},
		}},
		Pipeline: plan.Pipeline{
			Name: "demo-there-source", Role: contract.RoleSource, Lock: "demo-there-source",
			Steps: []plan.Step{
				{Name: "snapshot", Retry: retry, Command: &contract.SnapshotCreate{
					Common: common(), Claim: "data", ClaimFile: plan.File("claim"), RecoveryPointFile: plan.File("recovery-point"),
				}, Outputs: []string{"claim", "recovery-point"}},
				{Name: "push", Needs: []string{"snapshot"}, Retry: retry, Command: &contract.RsyncPush{
					Common: common(), Root: plan.MountPath("source"), Keys: plan.MountPath("keys"),
					RecoveryPoint: plan.Output("snapshot", "recovery-point"),
					Transfer:      contract.Transfer{FilterFile: plan.MountPath("filters") + "/filters"},
				}, Mounts: []plan.Mount{
					{Name: "source", Kind: plan.MountClaim, Source: plan.Output("snapshot", "claim"), Path: "/source"},
					{Name: "keys", Kind: plan.MountSecret, Source: contract.PushSecret("demo-there"), Path: "/keys"},
					{Name: "filters", Kind: plan.MountText, Source: "demo-filters", Path: "/filters"},
				}},
			},
			Finally: []plan.Step{{Name: "cleanup", Retry: retry, Command: &contract.SnapshotCleanup{Common: common()}}},
		},
	}
}

func (w *world) destination() Part {
	retry := plan.Retry{Limit: 2, Backoff: time.Millisecond}
	return Part{
		Site: plan.Site{Name: "there", Engine: Name, Directory: w.backup},
		Relationship: plan.Relationship{
			Name: "demo-there", Claims: []plan.Claim{{Name: "data"}},
		},
		Pipeline: plan.Pipeline{
			Name: "demo-there-destination", Role: contract.RoleDestination, Lock: "demo-there-destination",
			Steps: []plan.Step{
				{Name: "keys", Retry: retry, Command: &contract.RsyncKeys{Common: common(), Port: 2299}},
				{Name: "listen", Needs: []string{"keys"}, Retry: retry, Command: &contract.RsyncListen{
					Common: common(), Replica: contract.Replica{Claim: "data", Root: plan.MountPath("replica"), CopyMethod: "Snapshot"},
					Keys: plan.MountPath("keys"),
				}, Mounts: []plan.Mount{
					{Name: "replica", Kind: plan.MountClaim, Source: "data", Path: "/replica"},
					{Name: "keys", Kind: plan.MountSecret, Source: contract.ListenerSecret("demo-there"), Path: "/keys"},
				}},
				{Name: "prune", Needs: []string{"listen"}, Retry: retry, Command: &contract.SnapshotPrune{Common: common(), Claim: "data", Retain: contract.Retain{Last: 3}}},
			},
		},
	}
}

func (w *world) run(ctx context.Context, parts ...Part) (*Report, error) {
	w.t.Helper()
	return w.engine.Run(ctx, Request{Run: "run-1", Parts: parts})
}
