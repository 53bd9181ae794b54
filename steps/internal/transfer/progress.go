package transfer

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/backube/scribe-gen/steps/internal/rsync"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// logEvery is how often progress is logged when standard error is read by a
// machine, which draws its own picture of it.
const logEvery = time.Second

// argoVariable names the file in which Argo expects "N/M".
const argoVariable = "ARGO_PROGRESS_FILE"

// progress tells how far a transfer is, at intervals.
type progress struct {
	log   *slog.Logger
	file  string
	total int64
	began time.Time
	told  time.Time
	now   rsync.Progress
}

func newProgress(env *step.Env, file string, total int64) *progress {
	if file == "" {
		file = env.Getenv(argoVariable)
	}
	return &progress{log: env.Log, file: file, total: total, began: time.Now(), told: time.Now()}
}

func (p *progress) update(now rsync.Progress) {
	p.now = now
	if time.Since(p.told) >= logEvery {
		p.tell()
	}
}

// last tells the end, if there was a transfer long enough to be told of.
func (p *progress) last() {
	if p.now != (rsync.Progress{}) {
		p.tell()
	}
}

func (p *progress) tell() {
	p.told = time.Now()
	seconds := max(time.Since(p.began).Seconds(), 0.001)
	p.log.Info("progress", "bytes", p.now.Bytes, "total", p.total, "percent", p.now.Percent,
		"files", p.now.Files, "checked", p.now.Checked, "entries", p.now.Known, "rate", int64(float64(p.now.Bytes)/seconds))
	if p.file == "" {
		return
	}
	if err := os.WriteFile(p.file, fmt.Appendf(nil, "%d/100\n", p.now.Percent), 0o644); err != nil {
		p.log.Warn("progress could not be written", "file", p.file, "error", err.Error())
		p.file = ""
	}
}
