package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// volsync is VolSync's rclone mover.
type volsync struct{ rclone string }

// NewVolSync returns VolSync's rclone mover: the commands of its script, in its
// order and with its environment, run by the rclone program at the given path.
func NewVolSync(rclone string) (Contender, error) {
	return volsync{rclone}, lookPath(map[string]string{"bash": "bash", "find": "findutils", "getfacl": "acl", "setfacl": "acl"})
}

// The commands of VolSync's script. Source and replica are mounted at one path
// there, which is what the absolute names that it saves depend on; here they are
// two directories, and the names are relative.
const (
	volsyncPush = `set -e -o pipefail
cd "$MOUNT_PATH"
find . -path ./lost+found -prune -o -print | getfacl -P - > "$TMPDIR/permissions.facl"
rclone sync --one-file-system --create-empty-src-dirs --exclude "lost+found/**" "$MOUNT_PATH" "$RCLONE_CONFIG_SECTION:$RCLONE_DEST_PATH" --log-level DEBUG
rclone copy --one-file-system --create-empty-src-dirs --include permissions.facl "$TMPDIR" "$RCLONE_CONFIG_SECTION:$RCLONE_DEST_PATH" --log-level DEBUG
`
	volsyncPull = `set -e -o pipefail
cd "$MOUNT_PATH"
rclone sync --one-file-system --create-empty-src-dirs --exclude "lost+found/**" --exclude permissions.facl "$RCLONE_CONFIG_SECTION:$RCLONE_DEST_PATH" "$MOUNT_PATH" --log-level DEBUG
rclone copy --one-file-system --create-empty-src-dirs --include permissions.facl "$RCLONE_CONFIG_SECTION:$RCLONE_DEST_PATH" "$TMPDIR" --log-level DEBUG
stat "$TMPDIR/permissions.facl"
setfacl --restore="$TMPDIR/permissions.facl" || true
sync -f "$MOUNT_PATH"
`
)

func (volsync) Name() string { return "VolSync" }

func (v volsync) Push(ctx context.Context, p Place) (*exec.Cmd, error) {
	return v.script(ctx, p, volsyncPush, p.Source)
}

func (v volsync) Pull(ctx context.Context, p Place) (*exec.Cmd, error) {
	return v.script(ctx, p, volsyncPull, p.Replica())
}

func (v volsync) script(ctx context.Context, p Place, text, mount string) (*exec.Cmd, error) {
	temp := filepath.Join(p.Dir, "tmp") // empty in each new pod
	if err := errors.Join(os.RemoveAll(temp), os.MkdirAll(temp, 0o700)); err != nil {
		return nil, fmt.Errorf("prepare VolSync's script: %w", err)
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", text)
	cmd.Env = []string{
		"PATH=" + filepath.Dir(v.rclone) + ":" + os.Getenv("PATH"), "HOME=" + temp, "TMPDIR=" + temp,
		"MOUNT_PATH=" + mount, "RCLONE_CONFIG=" + p.conf(),
		"RCLONE_CONFIG_SECTION=" + p.section(), "RCLONE_DEST_PATH=" + p.path(),
		"RCLONE_TRANSFERS=10", "RCLONE_CHECKSUM=1", "RCLONE_STATS=20s",
	}
	return cmd, nil
}

// Loses: an object store has no directories, so that rclone cannot keep their
// times.
func (volsync) Loses() []string { return []string{"--omit-dir-times"} }
