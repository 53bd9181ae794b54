package manifest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/tree"
)

// parser makes entries of lines. What it takes may be written in another way
// than a Writer does: the caller compares. Its entry is used again, but for what
// it refers to.
type parser struct {
	entry Entry
	rest  []byte
	layer string
}

// line parses an entry's line without its newline.
func (p *parser) line(line []byte) error {
	e := &p.entry
	*e = Entry{}
	p.rest = line
	var err error
	if e.Path, err = unescape(p.column()); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if !p.mode(p.column()) {
		return fmt.Errorf("entry %q: type and mode are not as in f0644", e.Path)
	}
	if !p.owner(p.column()) {
		return fmt.Errorf("entry %q: owner is not as in 1000:1000", e.Path)
	}
	var ok bool
	if e.ModTime, ok = parseTime(p.column()); !ok {
		return fmt.Errorf("entry %q: modification time is not as in 1700000000.000000000", e.Path)
	}
	if !p.size(p.column()) {
		return fmt.Errorf("entry %q: size is neither a number nor -", e.Path)
	}
	if !p.hash(p.column()) {
		return fmt.Errorf("entry %q: hash is neither of 64 hex digits nor -", e.Path)
	}
	if err := p.pairs(); err != nil {
		return fmt.Errorf("entry %q: %w", e.Path, err)
	}
	return nil
}

// column takes the next column.
func (p *parser) column() []byte {
	if i := bytes.IndexByte(p.rest, '\t'); i >= 0 {
		column := p.rest[:i]
		p.rest = p.rest[i+1:]
		return column
	}
	column := p.rest
	p.rest = nil
	return column
}

func (p *parser) mode(text []byte) bool {
	if len(text) != 5 {
		return false
	}
	var mode uint32
	switch text[0] {
	case 'f':
		mode = unix.S_IFREG
	case 'd':
		mode = unix.S_IFDIR
	case 'l':
		mode = unix.S_IFLNK
	case 'p':
		mode = unix.S_IFIFO
	case 's':
		mode = unix.S_IFSOCK
	case 'c':
		mode = unix.S_IFCHR
	case 'b':
		mode = unix.S_IFBLK
	default:
		return false
	}
	for i, c := range text[1:] {
		if c < '0' || c > '7' {
			return false
		}
		mode |= uint32(c-'0') << (9 - 3*i)
	}
	p.entry.Mode = mode
	return true
}

func (p *parser) owner(text []byte) bool {
	user, group, _ := bytes.Cut(text, []byte{':'})
	uid, ok := parseUint(user, math.MaxUint32)
	if !ok {
		return false
	}
	gid, ok := parseUint(group, math.MaxUint32)
	p.entry.UID, p.entry.GID = uint32(uid), uint32(gid)
	return ok
}

func (p *parser) size(text []byte) bool {
	if string(text) == "-" {
		return !p.entry.IsRegular()
	}
	size, ok := parseUint(text, math.MaxInt64)
	p.entry.Size = int64(size)
	return ok
}

func (p *parser) hash(text []byte) bool {
	if string(text) == "-" {
		return true
	}
	if len(text) != hex.EncodedLen(len(p.entry.Hash)) {
		return false
	}
	_, err := hex.Decode(p.entry.Hash[:], text)
	return err == nil
}

// pairs parses the columns that have a key. Where they may stand, and which an
// entry has, is seen when they are written again.
func (p *parser) pairs() error {
	for len(p.rest) > 0 {
		column := p.column()
		if string(column) == separator[1:] {
			continue
		}
		key, value, found := bytes.Cut(column, []byte{'='})
		if !found {
			return fmt.Errorf("column %.40q without a value", column)
		}
		if err := p.pair(string(key), value); err != nil {
			return fmt.Errorf("%.40s: %w", key, err)
		}
	}
	return nil
}

func (p *parser) pair(key string, value []byte) (err error) {
	e, ok := &p.entry, true
	switch key {
	case "target":
		e.Target, err = unescape(value)
	case "rdev":
		e.Rdev, ok = parseDevice(value)
	case "link":
		e.Link, err = unescape(value)
	case "xattr":
		err = p.xattr(value)
	case "data":
		e.Data, ok = parseRanges(value)
	case "layer":
		err = p.setLayer(value)
	case "object":
		e.Object, err = unescape(value)
	case "inode":
		e.Inode, ok = parseUint(value, math.MaxUint64)
	case "ctime":
		e.ChangeTime, ok = parseTime(value)
	default:
		return errors.New("unknown key")
	}
	if !ok {
		return fmt.Errorf("not understood: %.64q", value)
	}
	return err
}

func (p *parser) xattr(text []byte) error {
	before, after, _ := bytes.Cut(text, []byte{'='})
	name, err := unescape(before)
	if err != nil {
		return err
	}
	value, err := unescape(after)
	if err != nil {
		return err
	}
	p.entry.Xattrs = append(p.entry.Xattrs, tree.Xattr{Name: name, Value: []byte(value)})
	return nil
}

// setLayer keeps the text of the last layer, which most entries share.
func (p *parser) setLayer(text []byte) (err error) {
	if string(text) != p.layer || bytes.IndexByte(text, '\\') >= 0 {
		p.layer, err = unescape(text)
	}
	p.entry.Layer = p.layer
	return err
}
