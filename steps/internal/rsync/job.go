// Package rsync runs the rsync program as a sender: it chooses the options that
// keep everything, reads progress and statistics, and says what an exit code
// means. It knows nothing of SSH or of runs.
package rsync

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/survey"
)

// Job is one run of rsync.
type Job struct {
	// Program is the path of rsync.
	Program string
	// Source is the directory whose content is sent.
	Source string
	// Destination is a local directory, or "host:path" with Shell.
	Destination string
	// Shell is the remote shell's command line, split at spaces by rsync; empty
	// for a local destination.
	Shell string
	// Env is added to the environment.
	Env []string
	// Keeps is what the receiver may keep.
	Keeps protocol.Keeps
	// Survey is what is known of both sides; nil when nothing is.
	Survey *survey.Result
	// List is a file of paths to look at, as --files-from and --from0 want them: of
	// directories with a slash at the end all entries, of others the path itself.
	// Empty for the whole tree.
	List string
	// DeleteMissing deletes at the destination what the list names and the source
	// does not have.
	DeleteMissing bool
	// IgnoreTimes compares the content of files whose size and time of modification
	// agree, too, block by block; Checksum does so for all files of a tree, and sends
	// only those that differ.
	IgnoreTimes, Checksum bool
	// Fresh writes every file that is sent anew and puts it in the place of the old
	// one, which leaves other names of that as they are.
	Fresh bool
	// FilterFile holds the user's filter rules.
	FilterFile string
	// Live sources may lose files while they are read.
	Live bool
	// BytesPerSecond limits the rate; 0 for no limit.
	BytesPerSecond int64
	// Compress is whether data is compressed on the wire.
	Compress bool
	// RoundTrip is the time a question takes to be answered.
	RoundTrip time.Duration
}

const (
	// smallBlock is the block size for updating files in place. Random writes
	// change blocks of 4 KiB; rsync's own choice, the square root of the size, sends
	// ten times as much of a large image.
	smallBlock = 4096
	// smallBlockLimit is the largest file for which small blocks are asked for:
	// rsync holds some 40 bytes for each in memory.
	smallBlockLimit = 4 << 30
	// slowLink is the round trip from which incremental recursion costs more in
	// waiting than it saves: it stops for an answer every thousand files.
	slowLink = 5 * time.Millisecond
)

// Args are the arguments for a transfer.
func (j Job) Args() []string {
	args := slices.Concat(j.base(), j.quickCheck(), j.strategy(), []string{"--info=progress2,stats2", "--partial"})
	return append(args, j.ends()...)
}

// DryRunArgs are the arguments that only name what would be deleted.
func (j Job) DryRunArgs() []string {
	args := slices.Concat(j.base(), []string{"--dry-run", "--info=del1,stats2"})
	return append(args, j.ends()...)
}

// base is what decides which entries there are and which attributes they have.
func (j Job) base() []string {
	args := []string{
		"-aAXHS", "--numeric-ids",
		"--modify-window=-1", // compare nanoseconds
		"--delete", "--force",
		"--no-human-readable", "--outbuf=Line",
		// The directory of the file system, not of the data.
		"--filter=- /lost+found",
		// A node's label, not the data's. A rule for attributes replaces rsync's
		// own, which leaves out system.* (ACLs travel by -A).
		"--filter=-x system.*", "--filter=-x security.selinux",
	}
	if os.Geteuid() != 0 {
		args = append(args, "--filter=-x! user.*")
	}
	if !j.Keeps.Owners {
		args = append(args, "--no-owner", "--no-group")
	}
	if !j.Keeps.Devices {
		args = append(args, "--no-devices")
	}
	if j.FilterFile != "" {
		args = append(args, "--filter=merge "+j.FilterFile)
	}
	if j.List != "" {
		args = append(args, "--from0", "--files-from="+j.List, "--dirs")
		switch {
		case j.DeleteMissing:
			args = append(args, "--delete-missing-args")
		case j.Live:
			args = append(args, "--ignore-missing-args")
		}
	}
	return args
}

// quickCheck is what replaces the comparison by size and time of modification.
func (j Job) quickCheck() []string {
	switch {
	case j.IgnoreTimes:
		return []string{"--ignore-times"}
	case j.Checksum:
		return []string{"--checksum"}
	}
	return nil
}

// strategy is what decides how fast it is.
func (j Job) strategy() []string {
	var args []string
	// In place: no second copy of a large file, an interrupted file is resumed,
	// and what did not change stays shared with snapshots. It takes the right to
	// write to files whose mode forbids it, and a replica without foreign links,
	// which the survey has seen to.
	if j.Survey != nil && j.Keeps.Owners && !j.Fresh {
		args = append(args, "--inplace")
		if largest := j.Survey.Largest; j.Survey.ReplicaEntries > 1 && largest > smallBlock && largest <= smallBlockLimit {
			args = append(args, "--block-size="+strconv.Itoa(smallBlock))
		}
	}
	if j.Survey != nil && !j.Survey.Sparse {
		args = append(args, "--no-sparse")
	}
	if j.RoundTrip > slowLink && j.List == "" {
		args = append(args, "--no-inc-recursive")
	}
	if j.Compress {
		args = append(args, "--compress", "--compress-choice=zstd", "--compress-level=1")
	}
	if j.BytesPerSecond > 0 {
		args = append(args, fmt.Sprintf("--bwlimit=%.2fK", max(float64(j.BytesPerSecond)/1024, 0.01)))
	}
	return args
}

func (j Job) ends() []string {
	var args []string
	if j.Shell != "" {
		args = append(args, "--rsh="+j.Shell)
	}
	return append(args, filepath.Clean(j.Source)+"/", j.Destination)
}

// Find returns the rsync program: the one that is named, or the first on PATH.
// The step binary itself has the same name and is passed over.
func Find(named string) (string, error) {
	if named != "" {
		return exec.LookPath(named)
	}
	self, _ := os.Executable()
	own, _ := os.Stat(self)
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path, err := exec.LookPath(filepath.Join(dir, "rsync"))
		if err != nil {
			continue
		}
		if found, err := os.Stat(path); err == nil && (own == nil || !os.SameFile(found, own)) {
			return path, nil
		}
	}
	return "", fmt.Errorf("rsync is not on PATH: install it (apt-get install rsync), or name it with --rsync")
}
