package scan

import (
	"bufio"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/backube/scribe-gen/tree/manifest"
)

// defaultSlack is how long before the instant of the source a change may lie and yet
// have been followed by another that left the same times: the coarsest clock of a
// file system has two seconds, and the clocks of a cluster differ.
const defaultSlack = 10 * time.Second

// next is the index of this run under way. It is a memory that may be lost: what
// fails is told once, and the run goes on without.
type next struct {
	dir     string
	label   Label
	log     *slog.Logger
	file    *os.File // nil once it has failed
	buffer  *bufio.Writer
	hasher  *manifest.Hasher
	writer  *manifest.Writer
	entry   manifest.Entry
	written bool // it is complete, under its name
}

func newNext(dir string, label Label, log *slog.Logger) *next {
	n := &next{dir: dir, label: label, log: log, hasher: manifest.NewHasher()}
	left, _ := filepath.Glob(filepath.Join(dir, "next.*.tmp")) // of runs that were killed
	for _, name := range left {
		_ = os.Remove(name)
	}
	err := os.MkdirAll(dir, 0o700)
	if err != nil {
		n.fail(err)
	} else if n.file, err = os.CreateTemp(dir, "next.*.tmp"); err != nil {
		n.fail(err)
	} else if _, err := n.file.Seek(recordSize, io.SeekStart); err != nil {
		n.fail(err)
	}
	n.buffer = bufio.NewWriterSize((*output)(n), 256<<10)
	return n
}

// output writes to the file as long as that works.
type output next

func (o *output) Write(p []byte) (int, error) {
	_, _ = o.hasher.Write(p)
	if o.file != nil {
		if _, err := o.file.Write(p); err != nil {
			(*next)(o).fail(err)
		}
	}
	return len(p), nil
}

func (n *next) fail(err error) {
	n.log.Warn("the index cannot be written: the next run reads and compares everything", "directory", n.dir, "error", err.Error())
	if n.file != nil {
		_ = n.file.Close()
		_ = os.Remove(n.file.Name())
		n.file = nil
	}
}

// write adds an entry. One that is racy is not to be known by its times in the
// next run.
func (n *next) write(it *Item, racy bool) error {
	if n.writer == nil {
		var err error
		if n.writer, err = manifest.NewWriter(n.buffer); err != nil {
			return err
		}
	}
	n.entry = it.Entry
	if racy {
		n.entry.Inode = 0
	}
	return n.writer.Write(&n.entry)
}

// finish completes the file beside the index.
func (n *next) finish() (manifest.Summary, error) {
	summary, err := n.writer.Close()
	if err == nil {
		err = n.buffer.Flush()
	}
	if err != nil || n.file == nil {
		return summary, err
	}
	if err := n.publish(summary); err != nil {
		n.fail(err)
	}
	return summary, nil
}

func (n *next) publish(summary manifest.Summary) error {
	record := Record{Label: n.label, Digest: summary.Digest, Entries: summary.Entries, Bytes: summary.Bytes, Reader: self()}
	var err error
	if record.Sum, err = record.sum(n.hasher); err != nil {
		return err
	}
	frame, err := record.encode()
	if err != nil {
		return err
	}
	if _, err := n.file.WriteAt(frame, 0); err != nil {
		return err
	}
	if err := n.file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(n.file.Name(), filepath.Join(n.dir, nextFile)); err != nil {
		return err
	}
	n.written = true
	return n.file.Close()
}

func (n *next) keep() error {
	if n == nil || !n.written {
		return nil
	}
	if err := os.Rename(filepath.Join(n.dir, nextFile), filepath.Join(n.dir, indexFile)); err != nil {
		return err
	}
	return syncDir(n.dir)
}

func (n *next) discard() {
	switch {
	case n == nil:
	case n.written:
		_ = os.Remove(filepath.Join(n.dir, nextFile))
	case n.file != nil:
		_ = n.file.Close()
		_ = os.Remove(n.file.Name())
		n.file = nil
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}
