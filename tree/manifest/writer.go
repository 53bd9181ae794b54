package manifest

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/klauspost/compress/zstd"
)

// Summary is what the end line says of a whole manifest.
type Summary struct {
	// Digest identifies the tree: "blake3:" and 64 hex digits. Trees with the
	// same digest have the same entries, attributes and contents.
	Digest string
	// Entries is the number of entries, Bytes the size of all regular files,
	// each counted once, whatever its names.
	Entries, Bytes int64
}

// summing makes the summary of the entries that pass by.
type summing struct {
	sequence
	hasher *Hasher
	total  Summary
}

// add takes the next entry and the counting part of its line.
func (s *summing) add(e *Entry, counting []byte) error {
	if err := s.next(e); err != nil {
		return err
	}
	if e.Link == "" {
		if e.Size > math.MaxInt64-s.total.Bytes {
			return fmt.Errorf("entry %q: the files are larger together than %d bytes", e.Path, int64(math.MaxInt64))
		}
		s.total.Bytes += e.Size
	}
	s.total.Entries++
	_, _ = s.hasher.Write(counting)
	_, _ = s.hasher.Write([]byte{'\n'})
	return nil
}

func (s *summing) summary() Summary {
	total := s.total
	total.Digest = "blake3:" + s.hasher.Sum().String()
	return total
}

// endLine is the last line of a manifest.
func endLine(s Summary) []byte {
	b := strconv.AppendInt([]byte("end entries="), s.Entries, 10)
	b = strconv.AppendInt(append(b, " bytes="...), s.Bytes, 10)
	return append(append(append(b, " digest="...), s.Digest...), '\n')
}

// Writer writes a manifest. Its memory does not grow with the number of entries.
// It is not safe for concurrent use.
type Writer struct {
	out     *zstd.Encoder
	line    []byte
	summing summing
	err     error
}

// writerWindow is how far back the compression looks, in bytes. Hashes do not
// repeat, and the rest does within a few lines, so more gains nothing.
const writerWindow = 256 << 10

// NewWriter begins a manifest. Whoever does not come to the end of it may drop
// the Writer without Close; what was written is then refused by every Reader.
func NewWriter(w io.Writer) (*Writer, error) {
	out, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(writerWindow))
	if err != nil {
		return nil, fmt.Errorf("begin manifest: %w", err)
	}
	if _, err := out.Write([]byte(header)); err != nil {
		return nil, fmt.Errorf("begin manifest: %w", err)
	}
	return &Writer{out: out, summing: summing{hasher: NewHasher()}}, nil
}

// Write adds an entry, which must come after all that were written in the order
// of Compare, its directory among them; the first is the root. An entry that
// cannot exist in a tree is refused. After an error, the manifest cannot be
// finished.
func (w *Writer) Write(e *Entry) error {
	if w.err != nil {
		return w.err
	}
	if err := w.write(e); err != nil {
		w.err = fmt.Errorf("write entry %q to manifest: %w", e.Path, err)
	}
	return w.err
}

func (w *Writer) write(e *Entry) error {
	if err := check(e); err != nil {
		return err
	}
	w.line = appendCounting(w.line[:0], e)
	if err := w.summing.add(e, w.line); err != nil {
		return err
	}
	w.line = append(appendKept(w.line, e), '\n')
	if len(w.line) > maxLine {
		return fmt.Errorf("its extended attributes make a line of %d bytes: at most %d", len(w.line), maxLine)
	}
	_, err := w.out.Write(w.line)
	return err
}

var errClosed = errors.New("manifest is finished")

// Close finishes the manifest and returns its summary. It does not close what
// the Writer writes to.
func (w *Writer) Close() (Summary, error) {
	if w.err != nil {
		return Summary{}, w.err
	}
	w.err = errClosed
	summary := w.summing.summary()
	if _, err := w.out.Write(endLine(summary)); err != nil {
		return Summary{}, fmt.Errorf("finish manifest: %w", err)
	}
	if err := w.out.Close(); err != nil {
		return Summary{}, fmt.Errorf("finish manifest: %w", err)
	}
	return summary, nil
}
