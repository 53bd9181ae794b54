// Package scan reads the source of a run: every entry with its attributes and
// the hash of its content, in the order of a manifest, with several readers and
// bounded memory. It keeps an index from run to run, so that only what changed is
// read: a file whose inode, size, and times of modification and of change are
// those in the index has the content that it had. Nobody can set the last of
// these times, so content that was changed in place is seen even where size and
// time of modification were put back.
//
// What it finds is a fact about the source. It knows nothing of replicas.
package scan

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/filter"
	"github.com/backube/scribe-gen/tree/manifest"
)

// Source is a tree to scan, without the lost+found directory of its root.
type Source struct {
	// Root is the directory.
	Root string
	// Filter says what is left out; nil leaves out nothing.
	Filter *filter.Filter
	// Live is whether the tree may change meanwhile: entries may vanish, and files
	// that change while they are read are read again.
	Live bool
	// At is the instant of the point-in-time copy; zero for now. What changed
	// shortly before may have changed again without its times telling.
	At time.Time
	// Index is the directory of the index; empty for none. Every file is read then,
	// and there is no digest.
	Index string
	// Label is kept in the new index.
	Label Label
	// Want is which index is wanted. Another one still tells which files to read.
	Want Want
	// look reads the next index and writes none.
	look bool
	// slack is how long before At a change is too fresh to be known by its times.
	slack time.Duration
	// Log is told of an index that cannot be used; nil for nobody.
	Log *slog.Logger
}

// Item is an entry of the source under way through the stages. It and what it
// points to are valid until Emit returns.
type Item struct {
	manifest.Entry
	// Found is what was read of the entry.
	Found tree.Entry
	// Last is the index's entry of the same path; nil if there is none.
	Last *manifest.Entry
	// Known is whether Hash and Data were taken from the index, as were Layer and
	// Object.
	Known bool

	run     *run
	last    manifest.Entry
	group   *group
	leads   bool // it is the first name that was seen of its group
	gone    bool // not an entry of the source, but of the index alone
	working bool
	ready   chan error
}

// Stages are what is done with each item. All may be nil.
type Stages struct {
	// Prepare is called in the order of the walk, by one goroutine.
	Prepare func(*Item) error
	// Work is called for the first name of every regular file, by several goroutines.
	// Without it, what is not Known is read and hashed. An error that wraps
	// fs.ErrNotExist leaves the entry out if the source is live.
	Work func(ctx context.Context, it *Item) error
	// Emit is called in the order of the walk, after Work, by one goroutine. What it
	// sets in Layer and Object goes into the index.
	Emit func(*Item) error
	// Gone is called by the same goroutine, in the same order, for entries of the
	// index that the source does not have. The entry is valid during the call.
	Gone func(*manifest.Entry) error
	// Workers is how many goroutines work; default the number of CPUs.
	Workers int
}

// Result is what a scan found.
type Result struct {
	// Summary is of the manifest. It has no digest without Source.Index.
	manifest.Summary
	// Last is what the index that was read is of; nil if there was none.
	Last *Record
	// Vanished counts entries of a live source that went away meanwhile.
	Vanished int64
	// Unsteady counts files of a live source that changed each time they were read;
	// their hash is that of the last reading.
	Unsteady int64
	// Read counts the files that were read, ReadBytes their bytes.
	Read, ReadBytes int64

	next *next
}

// Run scans the source.
func (s Source) Run(ctx context.Context, stages Stages) (Result, error) {
	if stages.Workers <= 0 {
		stages.Workers = runtime.GOMAXPROCS(0)
	}
	if s.slack == 0 {
		s.slack = defaultSlack
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	r, err := newRun(s, stages)
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	if err := r.all(ctx); err != nil {
		return Result{}, err
	}
	return r.finish()
}

// Keep makes what was scanned the index of the source, once the run is committed.
// Until then the earlier one stays beside it, which is always safe: more is read,
// and more is sent. Where nobody hears of the commit, the next scan learns of it by
// Source.Want.
func (r *Result) Keep() error { return r.next.keep() }

// Open opens the content of a regular file for reading. No symbolic link is
// followed. It must be called during a stage.
func (it *Item) Open() (*os.File, error) { return it.run.open(it.Path) }
