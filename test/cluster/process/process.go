// Package process runs the programs of a test cluster so that they outlive the
// one that started them, and so that a later one can find, stop and start them
// again: each in a session, network namespace and control group of its cluster's
// own, its output in a file, and a record of what was started.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
)

// Grace is how long a program that was asked to end may take before it is
// killed.
const Grace = 5 * time.Second

// Set is the programs of one cluster.
type Set struct {
	// Records and Logs are directories; a program has one file in each.
	Records, Logs string
	// Namespace is the file of the network namespace that programs start in, and
	// ControlGroup the directory of their control group.
	Namespace, ControlGroup string
}

// Command is what to run.
type Command struct {
	// Path is the program and Args its arguments, without its name.
	Path string   `json:"path"`
	Args []string `json:"args"`
	// Env is added to a short environment that does not depend on the caller's.
	Env []string `json:"env,omitempty"`
	// Abrupt says that the program is stopped by SIGKILL, because it takes long
	// to end politely and recovers from being killed.
	Abrupt bool `json:"abrupt,omitempty"`
}

// record is the file that stands for a program.
type record struct {
	Command
	identity
}

// ErrUnknown is returned, wrapped, for a program that was never started.
var ErrUnknown = errors.New("no such program")

// Start starts a program under a name, or the one started last under that name
// when it has ended. It does nothing when it runs already.
func (s Set) Start(name string, c Command) error {
	if s.Alive(name) {
		return nil
	}
	log, err := os.OpenFile(s.Log(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	defer log.Close()
	// The record is written first: a start that is killed in between leaves a
	// program in the control group, which teardown empties.
	if err := s.write(name, record{Command: c}); err != nil {
		return err
	}
	cmd := s.command(c)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	go func() { _ = cmd.Wait() }() // so that it does not stay a zombie while we live
	id, err := identify(cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("%s ended at once: %w%s", name, err, s.Tail(name))
	}
	return s.write(name, record{c, id})
}

// command wraps a command so that it enters the control group and then the
// network namespace, and is the same process throughout. It enters with nsenter,
// because ip-netns(8) would hide the mounts of control groups.
func (s Set) command(c Command) *exec.Cmd {
	const enter = `echo $$ > "$1/cgroup.procs" && shift && exec nsenter --net="$1" -- "${@:2}"`
	args := append([]string{"-c", enter, "bash", s.ControlGroup, s.Namespace, c.Path}, c.Args...)
	cmd := exec.Command("bash", args...)
	cmd.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}, c.Env...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// Stop ends a program and waits until it has ended. It does nothing when it has
// ended already.
func (s Set) Stop(ctx context.Context, name string) error {
	r, err := s.read(name)
	if err != nil {
		return err
	}
	grace := Grace
	if r.Abrupt {
		grace = 0
	}
	if err := r.stop(ctx, grace); err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	return nil
}

// Again starts a program as it was started last. It does nothing when it runs.
func (s Set) Again(name string) error {
	r, err := s.read(name)
	if err != nil {
		return err
	}
	return s.Start(name, r.Command)
}

// Alive reports whether a program runs.
func (s Set) Alive(name string) bool { return s.PID(name) != 0 }

// PID returns the process ID of a program, or 0 when it does not run.
func (s Set) PID(name string) int {
	r, err := s.read(name)
	if err != nil || !r.alive() {
		return 0
	}
	return r.PID
}

// Log returns the file that holds the output of a program.
func (s Set) Log(name string) string { return filepath.Join(s.Logs, name+".log") }

// Tail returns the last lines of a program's output, to be put behind an error,
// or nothing when there is none.
func (s Set) Tail(name string) string {
	const lines, size = 15, 8 << 10
	f, err := os.Open(s.Log(name))
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > size {
		_, _ = f.Seek(-size, 2)
	}
	buffer := make([]byte, size)
	n, _ := f.Read(buffer)
	text := strings.TrimSpace(string(buffer[:n]))
	if text == "" {
		return fmt.Sprintf("\n%s is empty", s.Log(name))
	}
	tail := strings.Split(text, "\n")
	tail = tail[max(0, len(tail)-lines):]
	return fmt.Sprintf("\nend of %s:\n  %s", s.Log(name), strings.Join(tail, "\n  "))
}

func (s Set) file(name string) string { return filepath.Join(s.Records, name+".json") }

func (s Set) read(name string) (record, error) {
	var r record
	raw, err := os.ReadFile(s.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%w: %s", ErrUnknown, name)
	}
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read the record of %s: %w", name, err)
	}
	return r, nil
}

func (s Set) write(name string, r record) error {
	raw, err := json.Marshal(r)
	if err == nil {
		err = renameio.WriteFile(s.file(name), raw, 0o644)
	}
	if err != nil {
		return fmt.Errorf("record the start of %s: %w", name, err)
	}
	return nil
}
