package store

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
)

// Scribe is the name of this project's mover in tables.
const Scribe = "scribe"

// Options are those of this project's mover that a comparison may vary.
type Options struct {
	// Transfers is how many files travel at the same time; 0 for the default.
	Transfers int
	// NoIndex makes every push read the whole source.
	NoIndex bool
}

// scribe is this project's rclone mover: its step binary, as pods run it.
type scribe struct {
	program string
	options Options
	runs    int
}

// NewScribe returns this project's rclone mover, run by the binary "rclone" in the
// directory steps.
func NewScribe(steps string, o Options) (Contender, error) {
	program, err := filepath.Abs(filepath.Join(steps, contract.ProgramRclone))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("find the rclone step: %w; build it first or give --steps", err)
	}
	return &scribe{program: program, options: o}, nil
}

const (
	replication  = "bench"
	relationship = "bench-here"
	// kept is how many generations stay, as in the examples.
	kept = 7
)

func (*scribe) Name() string { return Scribe }

func (s *scribe) Push(ctx context.Context, p Place) (*exec.Cmd, error) {
	c := &contract.RclonePush{
		Common:        s.common(replication),
		Site:          contract.Site{Directory: p.layout().Directory},
		ObjectStore:   s.objectStore(p),
		Retain:        contract.Retain{Last: kept},
		Root:          p.Source,
		RecoveryPoint: time.Now().UTC().Format(time.RFC3339Nano),
	}
	if !s.options.NoIndex {
		c.Index = filepath.Join(p.Dir, "index")
	}
	return exec.CommandContext(ctx, s.program, contract.Args(c)...), nil
}

func (s *scribe) Pull(ctx context.Context, p Place) (*exec.Cmd, error) {
	return exec.CommandContext(ctx, s.program, contract.Args(&contract.RclonePull{
		Common:      s.common(relationship),
		Site:        contract.Site{Directory: p.layout().Directory},
		ObjectStore: s.objectStore(p),
		Replica:     contract.Replica{Claim: claim, Root: p.Replica(), CopyMethod: contract.MethodDirect},
	})...), nil
}

// common gives every command a run of its own.
func (s *scribe) common(relationship string) contract.Common {
	s.runs++
	return contract.Common{
		Replication: replication, Relationship: relationship,
		Run: "bench-" + strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(s.runs),
	}
}

func (s *scribe) objectStore(p Place) contract.ObjectStore {
	return contract.ObjectStore{Remote: p.Remote, Config: p.Config, Transfers: s.options.Transfers}
}

// Loses nothing.
func (*scribe) Loses() []string { return nil }
