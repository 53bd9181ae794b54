package rclonepush

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/backube/scribe-gen/steps/internal/step"
)

// logEvery is how often progress is logged.
const logEvery = time.Second

// argoVariable names the file in which Argo expects "N/M".
const argoVariable = "ARGO_PROGRESS_FILE"

// progress tells how far a push is, at intervals. Its methods may be called from
// several goroutines.
type progress struct {
	log            *slog.Logger
	file           string
	total, entries int64 // of the source
	began          time.Time

	mu                       sync.Mutex
	told                     time.Time
	bytes, checked, uploaded int64
}

func newProgress(env *step.Env, file string, total, entries int64) *progress {
	if file == "" {
		file = env.Getenv(argoVariable)
	}
	return &progress{log: env.Log, file: file, total: total, entries: entries, began: time.Now(), told: time.Now()}
}

// add counts bytes of which it is known where the store has them, entries that are
// done, and files that were uploaded.
func (p *progress) add(bytes, entries, uploaded int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes, p.checked, p.uploaded = p.bytes+bytes, p.checked+entries, p.uploaded+uploaded
	if time.Since(p.told) >= logEvery {
		p.tell()
	}
}

// last tells the end, if there was anything to tell of.
func (p *progress) last() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell()
}

func (p *progress) percent() int64 {
	if p.total <= 0 {
		return min(100, 100*p.checked/max(p.entries, 1))
	}
	return max(0, min(100, int64(float64(p.bytes)*100/float64(p.total))))
}

func (p *progress) tell() {
	p.told = time.Now()
	seconds := max(time.Since(p.began).Seconds(), 0.001)
	p.log.Info("progress", "bytes", p.bytes, "total", p.total, "percent", p.percent(),
		"files", p.uploaded, "checked", p.checked, "entries", p.entries, "rate", int64(float64(p.bytes)/seconds))
	if p.file == "" {
		return
	}
	if err := os.WriteFile(p.file, fmt.Appendf(nil, "%d/100\n", p.percent()), 0o644); err != nil {
		p.log.Warn("progress could not be written", "file", p.file, "error", err.Error())
		p.file = ""
	}
}

// passage is one reading of a file from its start. It ends with the context, and
// counts as progress what passes by, until it is taken back because the file is
// read once more, or in the end is counted as a whole.
type passage struct {
	ctx      context.Context
	in       io.Reader
	progress *progress
	read     atomic.Int64 // rclone may read on for a moment when it has given up
}

func (p *passage) Read(b []byte) (int, error) {
	if p.ctx.Err() != nil {
		return 0, context.Cause(p.ctx)
	}
	n, err := p.in.Read(b)
	p.read.Add(int64(n))
	p.progress.add(int64(n), 0, 0)
	return n, err
}

// Close takes back what was counted.
func (p *passage) Close() error {
	p.progress.add(-p.read.Swap(0), 0, 0)
	return nil
}
