package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
)

// absolute makes the sites' directories absolute: steps may run elsewhere.
func absolute(req Request) (Request, error) {
	parts := make([]Part, len(req.Parts))
	for i, part := range req.Parts {
		if part.Site.Directory == "" {
			return req, fmt.Errorf("site %s has no directory", part.Site.Name)
		}
		dir, err := filepath.Abs(part.Site.Directory)
		if err != nil {
			return req, fmt.Errorf("site %s: %w", part.Site.Name, err)
		}
		part.Site.Directory = dir
		parts[i] = part
	}
	req.Parts = parts
	return req, nil
}

// prepare does for a directory what applying a bundle does for a namespace: it
// makes the volumes when they are absent and writes the user's texts.
func prepare(part Part) error {
	for _, step := range part.Pipeline.Steps {
		if replica := embedded[contract.Replica](step.Command); replica != nil {
			if err := makeVolume(part, replica.Claim); err != nil {
				return err
			}
		}
	}
	if part.Pipeline.Role != contract.RolePromote {
		for _, claim := range part.Relationship.Claims {
			if err := makeVolume(part, claim.Name); err != nil {
				return err
			}
		}
	}
	return writeTexts(part, part.Relationship.Texts)
}

// requireSources looks for the sources before anything is made: an empty one in
// the place of one that is missing would be replicated, and in the wrong working
// directory a relative site would be made anew.
func requireSources(parts []Part) error {
	for _, part := range parts {
		for _, step := range part.Pipeline.Steps {
			if c, ok := step.Command.(*contract.SnapshotCreate); ok {
				if err := requireVolume(part, c.Claim); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// workDirectory makes the directory of a run's files anew, at the site of one of
// its parts. The run's lock is held, so that what is there was left by a killed
// run.
func workDirectory(part Part) (string, error) {
	dir := filepath.Join(part.Site.Directory, "state", "."+part.Pipeline.Name+".run")
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

func requireVolume(part Part, claim string) error {
	dir := part.Layout().Volume(claim)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("site %s has no volume %s: put the data to replicate into the directory %s", part.Site.Name, claim, dir)
	case err != nil:
		return fmt.Errorf("site %s: volume %s: %w", part.Site.Name, claim, err)
	case !info.IsDir():
		return fmt.Errorf("site %s: volume %s: %s is no directory", part.Site.Name, claim, dir)
	}
	return nil
}

func makeVolume(part Part, claim string) error {
	if err := os.MkdirAll(part.Layout().Volume(claim), 0o755); err != nil {
		return fmt.Errorf("site %s: make volume %s: %w", part.Site.Name, claim, err)
	}
	return nil
}

func writeTexts(part Part, texts []plan.Text) error {
	for _, text := range texts {
		dir := textDirectory(part, text.Name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("site %s: text %s: %w", part.Site.Name, text.Name, err)
		}
		for file, content := range text.Files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
				return fmt.Errorf("site %s: text %s: %w", part.Site.Name, text.Name, err)
			}
		}
	}
	return nil
}

// exchange puts the directory fresh in the place of to at one instant. What was
// there is at fresh afterwards.
func exchange(fresh, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, to, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.ENOENT) {
		err = os.Rename(fresh, to)
	}
	return err
}

// RunningError says that a run of the same pipeline is under way on this host.
type RunningError struct {
	// Lock is the lock's file, Process the ID of the process that holds it; empty
	// when it is not known.
	Lock, Process string
}

func (e *RunningError) Error() string {
	text := "a run is already under way on this host"
	if e.Process != "" {
		text += ", process " + e.Process
	}
	return text + "; it holds " + e.Lock
}

// lockAll takes the lock of each part. The kernel drops them when this process
// ends, however it does.
func lockAll(parts []Part) (unlock func(), err error) {
	var held []*os.File
	unlock = func() {
		for _, f := range held {
			_ = f.Close()
		}
	}
	taken := map[string]bool{}
	for _, part := range parts {
		file := filepath.Join(part.Site.Directory, "state", part.Pipeline.Lock+".lock")
		if part.Pipeline.Lock == "" || taken[file] {
			continue
		}
		f, err := lock(file)
		if err != nil {
			unlock()
			return nil, fmt.Errorf("site %s: relationship %s: %w", part.Site.Name, part.Relationship.Name, err)
		}
		held, taken[file] = append(held, f), true
	}
	return unlock, nil
}

func lock(file string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		holder, _ := os.ReadFile(file)
		err = &RunningError{Lock: file, Process: strings.TrimSpace(string(holder))}
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
