package rclonepull

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/backube/scribe-gen/steps/internal/step"
)

// logEvery is how often progress is logged.
const logEvery = time.Second

// argoVariable names the file in which Argo expects "N/M".
const argoVariable = "ARGO_PROGRESS_FILE"

// progress tells how far a pull is, at intervals. Its methods may be called from
// several goroutines.
type progress struct {
	log   *slog.Logger
	what  string // the message
	file  string // in Argo's form; empty for none
	total int64
	began time.Time

	mu           sync.Mutex
	told         time.Time
	bytes, files int64
}

func newProgress(env *step.Env, what, file string, total int64) *progress {
	return &progress{log: env.Log, what: what, file: file, total: total, began: time.Now(), told: time.Now()}
}

// add counts what was done; less than nothing when it has to be done again.
func (p *progress) add(bytes, files int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes, p.files = p.bytes+bytes, p.files+files
	if time.Since(p.told) >= logEvery {
		p.tell()
	}
}

// last tells the end and returns the number of bytes.
func (p *progress) last() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell()
	return p.bytes
}

func (p *progress) tell() {
	p.told = time.Now()
	percent := int64(100)
	if p.total > 0 {
		percent = max(0, min(100, int64(float64(p.bytes)*100/float64(p.total))))
	}
	seconds := max(time.Since(p.began).Seconds(), 0.001)
	p.log.Info(p.what, "bytes", p.bytes, "total", p.total, "percent", percent, "files", p.files, "rate", int64(float64(p.bytes)/seconds))
	if p.file == "" {
		return
	}
	if err := os.WriteFile(p.file, fmt.Appendf(nil, "%d/100\n", percent), 0o644); err != nil {
		p.log.Warn("progress could not be written", "file", p.file, "error", err.Error())
		p.file = ""
	}
}
