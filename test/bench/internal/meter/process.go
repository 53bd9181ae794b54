package meter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of the times in /proc/PID/stat; Linux shows user space
// USER_HZ = 100 on every architecture that Go supports.
const clockTick = time.Second / 100

// process is what one look at /proc tells of a process.
type process struct {
	program string
	// begun is the start time in clock ticks since boot: with the process ID it
	// identifies the process.
	begun uint64
	cpu   time.Duration
	// peak is the largest resident size of the program the process now runs: the
	// kernel starts it anew at execve. A process that has ended shows none.
	peak   int64
	alive  bool
	direct bool
}

// after fills what a process that is ending no longer shows from an earlier look.
func (p process) after(old process) process {
	if p.peak == 0 {
		p.peak, p.program = old.peak, old.program
	}
	return p
}

func readProcess(pid int) (process, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return process{}, err
	}
	p, err := parseStat(string(stat))
	if err != nil {
		return process{}, err
	}
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return process{}, err
	}
	p.peak = parsePeak(string(status))
	p.program, _ = os.Readlink(filepath.Join(dir, "exe")) // none for a process that is ending
	return p, nil
}

// parseStat reads the fields of /proc/PID/stat, see proc_pid_stat(5). The
// program's name, in parentheses, may itself hold any character.
func parseStat(text string) (process, error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return process{}, fmt.Errorf("/proc/PID/stat %q: too few fields", text)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	begun, err3 := strconv.ParseUint(fields[19], 10, 64)
	return process{
		begun: begun,
		cpu:   time.Duration(user+system) * clockTick,
		alive: fields[0] != "Z" && fields[0] != "X",
	}, errors.Join(err1, err2, err3)
}

// parsePeak finds VmHWM in /proc/PID/status, in bytes; 0 when it is not there.
func parsePeak(text string) int64 {
	_, rest, ok := strings.Cut(text, "\nVmHWM:")
	if !ok {
		return 0
	}
	line, _, _ := strings.Cut(rest, "\n")
	kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "kB")), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// children lists the children of every thread of a process.
func children(pid int) []int {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var pids []int
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread ended
		}
		pids = append(pids, parsePIDs(string(text))...)
	}
	return pids
}

func parsePIDs(text string) []int {
	var pids []int
	for _, word := range strings.Fields(text) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}
