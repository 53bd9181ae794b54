package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// namespaceMark tells the program that it has been started again in a network
// namespace of its own.
const namespaceMark = "SCRIBE_BENCH_NAMESPACE"

// enterNamespace starts the program again in a new network namespace, whose
// loopback device then carries nothing but the measured traffic. It returns true
// in the program so started, and an error where that is not allowed, which only
// costs exactness.
func enterNamespace() (bool, error) {
	if os.Getenv(namespaceMark) != "" {
		return true, raiseLoopback()
	}
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	// Namespaces belong to threads: the one that leaves becomes the new program.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return false, fmt.Errorf("%w; bytes on the wire include all traffic over lo", err)
	}
	return false, syscall.Exec(self, os.Args, append(os.Environ(), namespaceMark+"=1"))
}

// raiseLoopback brings the device lo up.
func raiseLoopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}
