// Package privilege says what this process may keep of files, by its effective
// capabilities.
package privilege

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/tree"
)

// Keeps is what a receiver run by this process may keep.
func Keeps() protocol.Keeps {
	caps := effective()
	return protocol.Keeps{
		UID: os.Geteuid(), GID: os.Getegid(),
		// Without FSETID the kernel drops the set-group-ID bit of files of foreign
		// groups; without FOWNER modes of foreign files cannot be set.
		Owners:       os.Geteuid() == 0 && caps.has(unix.CAP_CHOWN, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_DAC_OVERRIDE),
		Devices:      caps.has(unix.CAP_MKNOD),
		Capabilities: caps.has(unix.CAP_SETFCAP),
		Trusted:      caps.has(unix.CAP_SYS_ADMIN),
	}
}

type capabilities uint64

func (c capabilities) has(all ...int) bool {
	for _, bit := range all {
		if c&(1<<bit) == 0 {
			return false
		}
	}
	return true
}

// effective returns the effective set, empty when it cannot be read.
func effective() capabilities {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0
	}
	return capabilities(data[0].Effective) | capabilities(data[1].Effective)<<32
}

// Unkept says why a receiver cannot keep an entry with that st_mode and those
// extended attributes, or "" when it can.
func Unkept(mode uint32, xattrs []tree.Xattr, keeps protocol.Keeps) string {
	e := tree.Entry{Mode: mode}
	switch {
	case e.IsDevice() && !keeps.Devices:
		return "a device node needs CAP_MKNOD"
	case e.Permissions()&0o6000 != 0 && e.IsRegular() && !keeps.Owners:
		return "a set-ID file would run as another user"
	}
	for _, x := range xattrs {
		switch {
		case x.Name == "security.capability" && !keeps.Capabilities:
			return "file capabilities need CAP_SETFCAP"
		case strings.HasPrefix(x.Name, "trusted.") && !keeps.Trusted:
			return "the attribute " + x.Name + " needs CAP_SYS_ADMIN"
		}
	}
	return ""
}
