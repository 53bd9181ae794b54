package osspecific

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// start runs a shell script as the leader of a process group that writes to out.
func start(t *testing.T, script string, out *os.File) *os.Process {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdout = out
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	Setpgid(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process
}

func exitCode(err error) int {
	var exited interface{ ExitCode() int }
	if errors.As(err, &exited) {
		return exited.ExitCode()
	}
	return 0
}

func TestWaitReturnsTheExitCodeAtOnce(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 78": 78, "kill -KILL $$": 137} {
		started := time.Now()
		if got := exitCode(Wait(start(t, script, os.Stdout))); got != want {
			t.Errorf("%s: exit code %d instead of %d", script, got, want)
		}
		if took := time.Since(started); took > time.Second/2 {
			t.Errorf("%s: noticed after %s", script, took)
		}
	}
}

// A child that ended before must not be taken for the process waited for.
func TestWaitReapsOtherChildren(t *testing.T) {
	start(t, "exit 1", os.Stdout)
	if err := Wait(start(t, "sleep 0.2; exit 4", os.Stdout)); exitCode(err) != 4 {
		t.Errorf("exit code of another child: %v", err)
	}
}

func TestKillReachesTheGroup(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	process := start(t, "sleep 60 & wait", write)
	_ = write.Close()
	pid := process.Pid
	time.AfterFunc(100*time.Millisecond, func() { _ = Kill(pid, Term) })
	if err := Wait(process); exitCode(err) != 143 {
		t.Errorf("want the exit code of SIGTERM: %v", err)
	}
	// The pipe ends with the last process of the group.
	_ = read.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := read.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a process of the group survived: %v", err)
	}
}
