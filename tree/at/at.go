// Package at reaches entries of a file tree through open directories, so that
// neither the length of their paths nor a directory that is renamed meanwhile
// matters.
package at

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Path is a path for the entry name of the open directory dir, for system calls
// that take no directory. It is short however deep the directory lies. The
// directory itself is the name ".". It needs /proc.
func Path(dir int, name string) string {
	return "/proc/self/fd/" + strconv.Itoa(dir) + "/" + name
}

// OpenRoot opens a directory by its path; a symbolic link is followed.
func OpenRoot(path string) (int, error) {
	return open(unix.AT_FDCWD, path, unix.O_DIRECTORY)
}

// OpenDir opens the directory name, or a path shorter than PATH_MAX, of the open
// directory dir. It does not follow a symbolic link.
func OpenDir(dir int, name string) (int, error) {
	return open(dir, name, unix.O_DIRECTORY|unix.O_NOFOLLOW)
}

// OpenFile opens the file name of the open directory dir for reading. It does
// not follow a symbolic link nor wait for the other end of a FIFO.
func OpenFile(dir int, name string) (int, error) {
	return open(dir, name, unix.O_NOFOLLOW|unix.O_NONBLOCK)
}

func open(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC|flags, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// OpenParent opens the directory of an entry whose path is relative to the open
// directory root, and returns the entry's name in it. The path may have any
// length.
func OpenParent(root int, path string) (dir int, name string, err error) {
	dir, err = OpenDir(root, ".")
	for err == nil {
		slash := strings.LastIndexByte(path[:min(len(path), unix.PathMax-1)], '/')
		if slash < 0 {
			return dir, path, nil
		}
		var next int
		next, err = OpenDir(dir, path[:slash])
		_ = unix.Close(dir)
		dir, path = next, path[slash+1:]
	}
	return -1, "", err
}

// Names appends the names in the open directory dir to names, without "." and
// ".." and in the order of the file system. It reads through buf.
func Names(dir int, buf []byte, names []string) ([]string, error) {
	for {
		n, err := unix.ReadDirent(dir, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}
