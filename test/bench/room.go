package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"
)

// sharedMemory is where Linux systems mount a tmpfs for everyone.
const sharedMemory = "/dev/shm"

// dataDirectory chooses shared memory when every workload fits there, else the
// temporary directory.
func dataDirectory[W interface{ room() int64 }](work []W) string {
	var most int64
	for _, w := range work {
		most = max(most, w.room())
	}
	if checkRoom(sharedMemory, most) == nil {
		return sharedMemory
	}
	return os.TempDir()
}

// reserve is what must be left for the movers themselves.
const reserve = 1 << 30

// checkRoom reports when dir cannot take the given number of bytes. What is on a
// tmpfs must also fit into memory.
func checkRoom(dir string, need int64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	free := int64(fs.Bavail) * fs.Bsize
	if fs.Type == unix.TMPFS_MAGIC {
		available, err := availableMemory()
		if err != nil {
			return err
		}
		free = min(free, available-reserve)
	}
	if free < need {
		return fmt.Errorf("%s has room for %s, but %s are needed; give another --dir or a smaller --scale",
			dir, humanize.IBytes(uint64(max(0, free))), humanize.IBytes(uint64(need)))
	}
	return nil
}

// availableMemory is MemAvailable in bytes.
func availableMemory() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("available memory: %w", err)
	}
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte("MemAvailable:")); ok {
			kib, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no MemAvailable")
}
