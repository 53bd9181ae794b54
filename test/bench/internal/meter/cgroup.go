package meter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// errNoCgroup means that no cgroup of our own can be made here, which is usual in
// containers and for ordinary users.
var errNoCgroup = errors.New("no writable cgroup v2 hierarchy")

// killWait is how long the members of a group may take to end after SIGKILL.
const killWait = 10 * time.Second

// cgroup is a cgroup v2 without controllers: cpu.stat counts CPU time in any.
type cgroup struct{ dir *os.File }

// newCgroup makes a cgroup below that of this process.
func newCgroup(name string) (*cgroup, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("find the cgroup v2 hierarchy: %w", err)
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("find this process's cgroup: %w", err)
	}
	parent, ok := parentCgroup(string(mounts), string(own))
	if !ok {
		return nil, errNoCgroup
	}
	path := filepath.Join(parent, fmt.Sprintf("scribe-bench-%d-%s", os.Getpid(), name))
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoCgroup, err)
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return &cgroup{dir: dir}, nil
}

// parentCgroup combines the mount point in mountinfo with the v2 entry of
// /proc/self/cgroup.
func parentCgroup(mounts, own string) (string, bool) {
	var mount string
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if ok && strings.HasPrefix(after, "cgroup2 ") && len(fields) > 4 {
			mount = fields[4]
			break
		}
	}
	for line := range strings.Lines(own) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok && mount != "" {
			return filepath.Join(mount, path), true
		}
	}
	return "", false
}

func (c *cgroup) cpu() (time.Duration, error) {
	text, err := os.ReadFile(filepath.Join(c.dir.Name(), "cpu.stat"))
	if err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	return parseCPUStat(string(text))
}

func parseCPUStat(text string) (time.Duration, error) {
	for line := range strings.Lines(text) {
		value, ok := strings.CutPrefix(line, "usage_usec ")
		if !ok {
			continue
		}
		usec, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("cpu.stat: %w", err)
		}
		return time.Duration(usec) * time.Microsecond, nil
	}
	return 0, errors.New("cpu.stat has no usage_usec")
}

func (c *cgroup) members() map[int]bool {
	text, err := os.ReadFile(filepath.Join(c.dir.Name(), "cgroup.procs"))
	if err != nil {
		return nil
	}
	members := map[int]bool{}
	for _, pid := range parsePIDs(string(text)) {
		members[pid] = true
	}
	return members
}

// close kills the members, waits until they are gone and removes the cgroup.
func (c *cgroup) close() error {
	defer c.dir.Close()
	path := c.dir.Name()
	if err := os.WriteFile(filepath.Join(path, "cgroup.kill"), []byte("1"), 0); err != nil {
		return fmt.Errorf("end the processes of %s: %w", path, err)
	}
	for deadline := time.Now().Add(killWait); ; time.Sleep(5 * time.Millisecond) {
		err := os.Remove(path)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("remove %s after %s: %w", path, killWait, err)
		}
	}
}
