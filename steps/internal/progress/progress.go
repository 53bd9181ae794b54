// Package progress tells how far a mover is: in the log, at intervals, and in the
// form that Argo shows.
package progress

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/backube/scribe-gen/steps/internal/step"
)

// every is the shortest time between two lines.
const every = time.Second

// argoVariable names the file in which Argo expects "N/M".
const argoVariable = "ARGO_PROGRESS_FILE"

// Done is what was done so far.
type Done struct {
	// Bytes are those of files that are in place, Files were transferred, Checked
	// are the entries that were looked at.
	Bytes, Files, Checked int64
	// Entries is how many there are to look at, as far as is known; Percent how much
	// of all is done. Both are for who knows better than [Meter] does.
	Entries, Percent int64
}

// Meter tells how far one transfer is. Its methods may be called from several
// goroutines.
type Meter struct {
	log            *slog.Logger
	message, file  string
	total, entries int64
	began          time.Time

	mu   sync.Mutex
	told time.Time
	done Done
}

// New returns a meter for a total of bytes and a number of entries. Argo's form goes
// to the file, by default the one that Argo names.
func New(env *step.Env, file string, total, entries int64) *Meter {
	if file == "" {
		file = env.Getenv(argoVariable)
	}
	m := Of(env, "progress", total)
	m.file, m.entries = file, entries
	return m
}

// Of returns a meter for what is only told in the log, under a message of its own.
func Of(env *step.Env, message string, total int64) *Meter {
	return &Meter{log: env.Log, message: message, total: total, began: time.Now(), told: time.Now()}
}

// Add counts what was done more; less than nothing when it has to be done again.
func (m *Meter) Add(bytes, files, checked int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done.Bytes, m.done.Files, m.done.Checked = m.done.Bytes+bytes, m.done.Files+files, m.done.Checked+checked
	m.tellInTime()
}

// Set takes over what is done in all.
func (m *Meter) Set(done Done) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done = done
	m.tellInTime()
}

// Last tells the end, if there was anything to tell of, and returns it.
func (m *Meter) Last() Done {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done != (Done{}) {
		m.tell()
	}
	return m.done
}

func (m *Meter) tellInTime() {
	if time.Since(m.told) >= every {
		m.tell()
	}
}

func (m *Meter) tell() {
	m.told = time.Now()
	entries, percent := max(m.entries, m.done.Entries), m.percent()
	seconds := max(time.Since(m.began).Seconds(), 0.001)
	m.log.Info(m.message, "bytes", m.done.Bytes, "total", m.total, "percent", percent,
		"files", m.done.Files, "checked", m.done.Checked, "entries", entries, "rate", int64(float64(m.done.Bytes)/seconds))
	if m.file == "" {
		return
	}
	if err := os.WriteFile(m.file, fmt.Appendf(nil, "%d/100\n", percent), 0o644); err != nil {
		m.log.Warn("progress could not be written", "file", m.file, "error", err.Error())
		m.file = ""
	}
}

// percent is how much is done, by bytes, or by entries where there are none.
func (m *Meter) percent() int64 {
	part, whole := m.done.Bytes, m.total
	if whole <= 0 {
		part, whole = m.done.Checked, max(m.entries, 1)
	}
	return max(m.done.Percent, 0, min(100, int64(float64(part)*100/float64(whole))))
}
