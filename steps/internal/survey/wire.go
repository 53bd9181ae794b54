package survey

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// What crosses the connection is a sequence of records, each a kind and its
// fields: uvarints, and strings with their length before them.
//
// From the source, in the order of its walk:
//
//	D path flags entries all(16) names(16)   a directory is complete
//	L path group                             an entry with several links
//	E                                        the end
//
// From the receiver:
//
//	P path                                   a source directory that differs
//	S json                                   the end: Replica
const (
	kindDirectory = 'D'
	kindLink      = 'L'
	kindEnd       = 'E'
	kindDiffers   = 'P'
	kindSummary   = 'S'
)

// stringLimit bounds strings that are read: PATH_MAX many times over.
const stringLimit = 1 << 20

const flagLinked = 1

// record is any record; the kind tells which fields count.
type record struct {
	kind      byte
	path      string
	directory directory
	group     uint64
	summary   Replica
}

type writer struct {
	*bufio.Writer
	buf []byte
}

func newWriter(w io.Writer) *writer { return &writer{Writer: bufio.NewWriterSize(w, 64<<10)} }

func (w *writer) write(r *record) error {
	buf := append(w.buf[:0], r.kind)
	switch r.kind {
	case kindDirectory:
		d := &r.directory
		flags := uint64(0)
		if d.linked {
			flags = flagLinked
		}
		buf = appendString(buf, d.path)
		buf = binary.AppendUvarint(buf, flags)
		buf = binary.AppendUvarint(buf, uint64(d.entries))
		buf = append(append(buf, d.all[:]...), d.names[:]...)
	case kindLink:
		buf = binary.AppendUvarint(appendString(buf, r.path), r.group)
	case kindDiffers:
		buf = appendString(buf, r.path)
	case kindSummary:
		body, err := json.Marshal(r.summary)
		if err != nil {
			return err
		}
		buf = appendString(buf, string(body))
	}
	w.buf = buf
	_, err := w.Write(buf)
	return err
}

type reader struct{ *bufio.Reader }

func newReader(r io.Reader) reader { return reader{bufio.NewReaderSize(r, 64<<10)} }

// read reads the next record. The end of the stream is io.ErrUnexpectedEOF, as
// every stream has a last record.
func (r reader) read() (record, error) {
	rec, err := r.next()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return record{}, fmt.Errorf("read a survey: %w", err)
	}
	return rec, nil
}

func (r reader) next() (rec record, err error) {
	if rec.kind, err = r.ReadByte(); err != nil {
		return rec, err
	}
	switch rec.kind {
	case kindDirectory:
		rec.directory, err = r.readDirectory()
	case kindLink:
		if rec.path, err = r.readString(); err == nil {
			rec.group, err = binary.ReadUvarint(r)
		}
	case kindDiffers:
		rec.path, err = r.readString()
	case kindSummary:
		var body string
		if body, err = r.readString(); err == nil {
			err = json.Unmarshal([]byte(body), &rec.summary)
		}
	case kindEnd:
	default:
		err = fmt.Errorf("unknown record %q", rec.kind)
	}
	return rec, err
}

func (r reader) readDirectory() (d directory, err error) {
	if d.path, err = r.readString(); err != nil {
		return d, err
	}
	flags, err := binary.ReadUvarint(r)
	if err != nil {
		return d, err
	}
	entries, err := binary.ReadUvarint(r)
	if err != nil {
		return d, err
	}
	d.linked, d.entries = flags&flagLinked != 0, int64(entries)
	if flags > flagLinked || d.entries < 0 {
		return d, errors.New("a directory record with values out of range")
	}
	if _, err = io.ReadFull(r, d.all[:]); err != nil {
		return d, err
	}
	_, err = io.ReadFull(r, d.names[:])
	return d, err
}

func (r reader) readString() (string, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return "", err
	}
	if n > stringLimit {
		return "", fmt.Errorf("a string of %d bytes", n)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err
}
