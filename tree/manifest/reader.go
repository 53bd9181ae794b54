package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

var (
	// ErrInvalid is wrapped by the errors of a Reader for what no Writer wrote,
	// or did not finish, or what was changed since. Other errors are of what the
	// manifest is read from.
	ErrInvalid = errors.New("invalid manifest")
	// ErrVersion is wrapped, besides ErrInvalid, when the manifest has a format
	// that this program does not know.
	ErrVersion = errors.New("unknown format of manifest")
)

// maxWindow is how much of a manifest its compression may refer back to: what
// zstd needs at its default levels, up to 19.
const maxWindow = 8 << 20

// Reader reads a manifest. It takes exactly what a Writer writes, whatever the
// level of compression. Its memory does not grow with the number of entries. It
// is not safe for concurrent use. A nil *Reader reads an empty tree.
type Reader struct {
	source  *source
	zstd    *zstd.Decoder
	in      *bufio.Reader
	number  int64 // of the current line
	long    []byte
	again   []byte // the line as a Writer writes it
	parser  parser
	summing summing
	total   Summary
	err     error
}

// source remembers whether reading failed, which says nothing of the manifest.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// NewReader begins to read a manifest. The Reader must be closed.
func NewReader(r io.Reader) (*Reader, error) {
	src := &source{Reader: r}
	decoder, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, fmt.Errorf("begin to read manifest: %w", err)
	}
	reader := &Reader{source: src, zstd: decoder, in: bufio.NewReaderSize(decoder, 64<<10), summing: summing{hasher: NewHasher()}}
	if err := reader.header(); err != nil {
		decoder.Close()
		return nil, err
	}
	return reader, nil
}

func (r *Reader) header() error {
	line, err := r.line()
	switch {
	case err != nil:
		return err
	case string(line) == header:
		return nil
	case bytes.HasPrefix(line, []byte("scribe-manifest ")):
		return fmt.Errorf("%w: %w %.40q: want %q; use a newer release", ErrInvalid, ErrVersion, line, header)
	}
	return fmt.Errorf("%w: it begins with %.40q: want %q", ErrInvalid, line, header)
}

// Next returns the next entry, which is valid until the call after; a copy of it
// remains valid. The error is io.EOF only after the
// end line, when all that was read has the digest in it: until then, nothing
// that was read is certain.
func (r *Reader) Next() (*Entry, error) {
	if r == nil {
		return nil, io.EOF
	}
	if r.err != nil {
		return nil, r.err
	}
	var entry *Entry
	entry, r.err = r.next()
	return entry, r.err
}

func (r *Reader) next() (*Entry, error) {
	line, err := r.line()
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(line, []byte("end ")) {
		return nil, r.end(line)
	}
	if err := r.entry(line); err != nil {
		return nil, fmt.Errorf("%w: line %d: %w", ErrInvalid, r.number, err)
	}
	return &r.parser.entry, nil
}

// entry takes the line of an entry.
func (r *Reader) entry(line []byte) error {
	if err := r.parser.line(line[:len(line)-1]); err != nil {
		return err
	}
	e := &r.parser.entry
	if err := check(e); err != nil {
		return err
	}
	r.again = appendCounting(r.again[:0], e)
	if err := r.summing.add(e, r.again); err != nil {
		return err
	}
	r.again = append(appendKept(r.again, e), '\n')
	if !bytes.Equal(line, r.again) {
		return fmt.Errorf("entry %q is not written as %.200q", e.Path, r.again)
	}
	return nil
}

// end takes the end line.
func (r *Reader) end(line []byte) error {
	total := r.summing.summary()
	if want := endLine(total); !bytes.Equal(line, want) {
		return fmt.Errorf("%w: line %d: %.200q: the lines before make %q", ErrInvalid, r.number, line, want)
	}
	switch _, err := r.in.ReadByte(); {
	case err == nil:
		return fmt.Errorf("%w: more after the end in line %d", ErrInvalid, r.number)
	case !errors.Is(err, io.EOF):
		return r.failed(err)
	}
	r.total = total
	return io.EOF
}

// line returns the next line with its newline, valid until the call after.
func (r *Reader) line() ([]byte, error) {
	r.number++
	line, err := r.in.ReadSlice('\n')
	if err == nil {
		return line, nil
	}
	r.long = append(r.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = r.in.ReadSlice('\n')
		r.long = append(r.long, line...)
		if len(r.long) > maxLine {
			return nil, fmt.Errorf("%w: line %d is longer than %d bytes", ErrInvalid, r.number, maxLine)
		}
	}
	if err != nil {
		return nil, r.failed(err)
	}
	return r.long, nil
}

// failed says whether the manifest is at fault or what it is read from.
func (r *Reader) failed(err error) error {
	switch {
	case r.source.err != nil:
		return fmt.Errorf("read manifest: line %d: %w", r.number, r.source.err)
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: line %d: %w", ErrInvalid, r.number, err)
}

// Summary is what the end line says, after Next returned io.EOF; before, and of
// a nil *Reader, it is empty.
func (r *Reader) Summary() Summary {
	if r == nil {
		return Summary{}
	}
	return r.total
}

// Close frees the memory of the Reader. It does not close what it reads from.
func (r *Reader) Close() {
	if r == nil {
		return
	}
	r.zstd.Close()
	r.err = errClosed
}
