package main

import (
	"context"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/site"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// faultVariable tells a listener of this test where to kill itself.
const faultVariable = "SCRIBE_TEST_FAULT"

// The instructions of a commit at which a listener is killed.
const (
	beforeCut  = "before cut"
	afterCut   = "after cut"
	beforeSave = "before save"
	afterSave  = "after save"
	failCut    = "cut fails" // not a kill: the snapshot is refused
	slowCut    = "cut takes a while"
)

// openFaulty opens a store that kills the process.
func openFaulty(s contract.Site, log *slog.Logger) (volume.Store, error) {
	store, err := site.Open(s, log)
	return faulty{Store: store, at: os.Getenv(faultVariable), log: log}, err
}

type faulty struct {
	volume.Store
	at  string
	log *slog.Logger
}

func (f faulty) die(at string) {
	if f.at == at {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (f faulty) Cut(ctx context.Context, req volume.CutRequest) (volume.Snapshot, error) {
	if f.at == failCut {
		return volume.Snapshot{}, os.ErrDeadlineExceeded
	}
	if f.at == slowCut {
		f.log.Info("cutting")
		time.Sleep(3 * time.Second)
	}
	f.die(beforeCut)
	s, err := f.Store.Cut(ctx, req)
	f.die(afterCut)
	return s, err
}

func (f faulty) Save(ctx context.Context, s contract.State, v volume.Version) error {
	if s.Last == nil || s.Writing != nil { // the key that was used or that the run writes, not the commit
		return f.Store.Save(ctx, s, v)
	}
	f.die(beforeSave)
	err := f.Store.Save(ctx, s, v)
	f.die(afterSave)
	return err
}
