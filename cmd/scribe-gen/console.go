package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/backube/scribe-gen/templates/local"
)

// plainInterval is how often progress is told where there is no terminal.
const plainInterval = 3 * time.Second

// console shows what a run does, on stderr: lines, and how far the data is. On a
// terminal that is a bar at the bottom.
type console struct {
	io             streams
	verbose, quiet bool
	terminal       bool

	mu   sync.Mutex
	bar  *progressbar.ProgressBar
	step string // that the bar is of
	next time.Time
}

func newConsole(io streams) *console {
	f, ok := io.err.(*os.File)
	return &console{io: io, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

func (c *console) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&c.verbose, "verbose", "v", false, "show every line that steps log")
	cmd.Flags().BoolVarP(&c.quiet, "quiet", "q", false, "show warnings and errors only, no progress")
}

// Line implements local.Reporter.
func (c *console) Line(l local.Line) {
	if l.Milestone && l.Step == c.drawn() {
		c.finish()
	}
	switch {
	case c.verbose:
	case l.Last:
		return
	case l.Level >= slog.LevelWarn:
	case l.Milestone && !c.quiet:
	default:
		return
	}
	text := fmt.Sprintf("%s/%s: %s", l.Site, l.Step, l.Message)
	if l.Level >= slog.LevelWarn && !l.Milestone {
		text = fmt.Sprintf("%s/%s: %s: %s", l.Site, l.Step, strings.ToLower(l.Level.String()), l.Message)
	}
	if len(l.Attrs) > 0 {
		text += " (" + strings.Join(l.Attrs, ", ") + ")"
	}
	c.note("%s", text)
}

// note prints a line above the bar.
func (c *console) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bar != nil {
		_ = c.bar.Clear()
	}
	c.io.note(format, args...)
}

// Progress implements local.Reporter.
func (c *console) Progress(p local.Progress) {
	if c.quiet {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.terminal {
		c.draw(p)
		return
	}
	if now := time.Now(); now.After(c.next) {
		c.next = now.Add(plainInterval)
		c.io.note("%s/%s: %s", p.Site, p.Step, progressText(p))
	}
}

// draw updates the bar, once it is known how much there is. What goes wrong with
// a terminal must not end a run.
func (c *console) draw(p local.Progress) {
	// At its end the bar would stop; the step may still delete and commit.
	total := max(p.Total, p.Bytes) + 1
	if c.bar == nil && total > 1 {
		c.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(c.io.err), progressbar.OptionShowBytes(true),
			progressbar.OptionUseIECUnits(true), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(20))
	}
	if c.bar == nil {
		return
	}
	c.step = p.Step
	c.bar.Describe(p.Step + entriesText(p))
	if c.bar.GetMax64() != total {
		c.bar.ChangeMax64(total)
	}
	_ = c.bar.Set64(p.Bytes)
}

// drawn is the step that there is a bar of.
func (c *console) drawn() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bar == nil {
		return ""
	}
	return c.step
}

// finish removes the bar.
func (c *console) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bar != nil {
		_ = c.bar.Finish()
		c.bar = nil
	}
}

// progressText is how far a mover is, in one line.
func progressText(p local.Progress) string {
	text := fmt.Sprintf("%s of %s", bytesText(p.Bytes), bytesText(p.Total))
	if p.Total > 0 {
		text += fmt.Sprintf(" (%d%%)", min(100, 100*p.Bytes/p.Total))
	}
	text += entriesText(p)
	if p.Rate <= 0 {
		return text
	}
	text += fmt.Sprintf(", %s/s", bytesText(int64(p.Rate)))
	// Before that the rate says nothing yet.
	if left := p.Total - p.Bytes; left > 0 && p.Bytes*100 > p.Total {
		text += fmt.Sprintf(", %s left", time.Duration(float64(left)/p.Rate*float64(time.Second)).Round(time.Second))
	}
	return text
}

// entriesText is empty until the mover knows how many there are.
func entriesText(p local.Progress) string {
	if p.Entries == 0 {
		return ""
	}
	return fmt.Sprintf(", %s of %s entries", humanize.Comma(p.Files), humanize.Comma(p.Entries))
}

func bytesText(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
