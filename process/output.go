package process

import "bytes"

// longestLine is how much of a line without end is kept, in bytes.
const longestLine = 1 << 20

// Lines is a writer that hands on whole lines, without those that are empty.
type Lines struct {
	// Each is called for each line; it must not keep the slice.
	Each func(line []byte)
	// Ends are the characters that end a line; default a line feed.
	Ends string
	rest []byte
}

func (l *Lines) Write(p []byte) (int, error) {
	ends := l.Ends
	if ends == "" {
		ends = "\n"
	}
	for rest := p; ; {
		i := bytes.IndexAny(rest, ends)
		if i < 0 {
			l.rest = append(l.rest, rest...)
			break
		}
		l.rest = append(l.rest, rest[:i]...)
		l.Flush()
		rest = rest[i+1:]
	}
	if len(l.rest) > longestLine {
		l.Flush()
	}
	return len(p), nil
}

// Flush hands on the last line when it has no end.
func (l *Lines) Flush() {
	if len(l.rest) > 0 {
		l.Each(l.rest)
		l.rest = l.rest[:0]
	}
}

// Tail keeps the end of what is written to it, for error messages.
type Tail struct {
	// Limit is how many bytes are kept.
	Limit int
	buf   []byte
	cut   bool
}

func (t *Tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - t.Limit; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
		t.cut = true
	}
	return len(p), nil
}

// String is the end, from the start of a line when something was cut.
func (t *Tail) String() string {
	b := t.buf
	if t.cut {
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			b = b[i+1:]
		}
	}
	return string(bytes.TrimSpace(b))
}
