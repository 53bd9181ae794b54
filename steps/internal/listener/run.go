package listener

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/backube/scribe-gen/steps/internal/survey"
)

// run is one attempt to push a run: from its hello until another hello, its
// commit or its abort.
type run struct {
	id      string
	at      time.Time
	session string

	ctx  context.Context
	stop context.CancelFunc // ends its data requests

	mu     sync.Mutex
	open   bool // data requests are taken
	active int
	idle   chan struct{} // closed when active falls to 0

	writing sync.Mutex // one request prepares to write, and others wait for it
	marked  bool       // the state says that the run writes
	repair  survey.Repair
}

func newRun(parent context.Context, id string, at time.Time) *run {
	r := &run{id: id, at: at, session: rand.Text(), open: true}
	r.ctx, r.stop = context.WithCancel(parent)
	return r
}

// begin admits a data request; end must be called after it.
func (r *run) begin() (end func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open || r.ctx.Err() != nil {
		return nil, errNotOpen
	}
	if r.active++; r.active == 1 {
		r.idle = make(chan struct{})
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.active--; r.active == 0 {
			close(r.idle)
		}
	}, nil
}

var errNotOpen = fmt.Errorf("takes no more data")

// close takes no more data requests; reopen undoes it.
func (r *run) close() { r.setOpen(false) }

func (r *run) reopen() { r.setOpen(true) }

func (r *run) setOpen(open bool) {
	r.mu.Lock()
	r.open = open
	r.mu.Unlock()
}

// wait waits until no data request is under way.
func (r *run) wait(ctx context.Context) error {
	r.mu.Lock()
	idle, active := r.idle, r.active
	r.mu.Unlock()
	if active == 0 {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *run) setRepair(repair survey.Repair) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.repair = repair
}

// write prepares for the first byte: mark records that the run writes, once, and
// what the last survey found is mended.
func (r *run) write(ctx context.Context, mark func(context.Context) error) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	if !r.marked {
		if err := mark(ctx); err != nil {
			return err
		}
		r.marked = true
	}
	if r.repair == nil {
		return nil
	}
	err := r.repair(ctx)
	if err == nil {
		r.repair = nil
	}
	return err
}
