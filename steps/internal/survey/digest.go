package survey

import (
	"encoding/binary"
	"path"

	"github.com/zeebo/xxh3"

	"github.com/backube/scribe-gen/tree"
)

// directory is the digest of one directory's entries.
type directory struct {
	path string
	// all covers names and attributes, names only names.
	all, names [16]byte
	// entries is the number of entries, linked whether one has several links.
	entries int64
	linked  bool
}

// differs reports whether rsync might find something to do in the directory.
func (d *directory) differs(other *directory) bool {
	return d.linked || other.linked || d.all != other.all
}

// digester makes directories of the entries of a walk.
type digester struct {
	// owners is whether user and group count.
	owners bool
	emit   func(*directory) error
	open   []*building
	free   []*building
	buf    []byte
}

type building struct {
	directory
	all, names *xxh3.Hasher
}

// add takes the next entry of the walk, and emits the directories that are
// complete.
func (d *digester) add(e *tree.Entry) error {
	parent := path.Dir(e.Path)
	if e.Path != "." {
		if err := d.completeTo(parent); err != nil {
			return err
		}
	}
	d.buf = d.appendEntry(d.buf[:0], e)
	if e.Path == "." {
		d.push(e.Path)
		_, _ = d.open[0].all.Write(d.buf)
		return nil
	}
	top := d.open[len(d.open)-1]
	_, _ = top.all.Write(d.buf)
	_, _ = top.names.WriteString(path.Base(e.Path) + "\x00")
	top.entries++
	top.linked = top.linked || e.Linked()
	if e.IsDir() {
		d.push(e.Path)
	}
	return nil
}

// finish emits what is left.
func (d *digester) finish() error {
	for len(d.open) > 0 {
		if err := d.pop(); err != nil {
			return err
		}
	}
	return nil
}

// completeTo emits the open directories below parent.
func (d *digester) completeTo(parent string) error {
	for len(d.open) > 1 && d.open[len(d.open)-1].path != parent {
		if err := d.pop(); err != nil {
			return err
		}
	}
	return nil
}

func (d *digester) push(path string) {
	var b *building
	if n := len(d.free); n > 0 {
		b, d.free = d.free[n-1], d.free[:n-1]
		b.all.Reset()
		b.names.Reset()
		b.directory = directory{}
	} else {
		b = &building{all: xxh3.New(), names: xxh3.New()}
	}
	b.path = path
	d.open = append(d.open, b)
}

func (d *digester) pop() error {
	n := len(d.open) - 1
	b := d.open[n]
	d.open = d.open[:n]
	b.directory.all = b.all.Sum128().Bytes()
	b.directory.names = b.names.Sum128().Bytes()
	err := d.emit(&b.directory)
	d.free = append(d.free, b)
	return err
}

// appendEntry appends what rsync compares of an entry, unambiguously. The root's
// name is its path.
func (d *digester) appendEntry(buf []byte, e *tree.Entry) []byte {
	buf = appendString(buf, path.Base(e.Path))
	buf = binary.AppendUvarint(buf, uint64(e.Mode))
	if d.owners {
		buf = binary.AppendUvarint(buf, uint64(e.UID))
		buf = binary.AppendUvarint(buf, uint64(e.GID))
	}
	buf = binary.AppendVarint(buf, e.Size)
	buf = binary.AppendVarint(buf, e.ModTime)
	buf = binary.AppendUvarint(buf, e.Rdev)
	buf = appendString(buf, e.Target)
	for _, x := range e.Xattrs {
		buf = appendString(buf, x.Name)
		buf = appendString(buf, string(x.Value))
	}
	return buf
}

func appendString(buf []byte, s string) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(s)))
	return append(buf, s...)
}
