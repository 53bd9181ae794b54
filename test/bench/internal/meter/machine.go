package meter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Busy is the CPU time that everything on the machine used since it was started,
// and that a hypervisor took away, but for what this process used itself.
func Busy() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read the machine's CPU time: %w", err)
	}
	all, err := parseBusy(string(text))
	if err != nil {
		return 0, err
	}
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0, fmt.Errorf("read the bench's own CPU time: %w", err)
	}
	return all - time.Duration(own.Utime.Nano()+own.Stime.Nano()), nil
}

// parseBusy adds the fields of the first line of /proc/stat that are neither idle
// nor counted twice, see proc_stat(5).
func parseBusy(text string) (time.Duration, error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	const user, nice, system, irq, softirq, steal = 1, 2, 3, 6, 7, 8
	var ticks int64
	var errs []error
	for _, i := range []int{user, nice, system, irq, softirq, steal} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		ticks, errs = ticks+n, append(errs, err)
	}
	return time.Duration(ticks) * clockTick, errors.Join(errs...)
}

// Offspring is the CPU time of the processes that this process started, directly
// or not, and that are still alive.
func Offspring() (time.Duration, error) {
	var total time.Duration
	seen := map[int]bool{}
	for pids := children(os.Getpid()); len(pids) > 0; {
		pid := pids[0]
		pids = pids[1:]
		if seen[pid] {
			continue
		}
		seen[pid] = true
		p, err := readProcess(pid)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it ended
		}
		if err != nil {
			return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
		}
		if p.alive {
			total += p.cpu
			pids = append(pids, children(pid)...)
		}
	}
	return total, nil
}
