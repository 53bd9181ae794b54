package manifest

import (
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const (
	header    = "scribe-manifest 1\n"
	separator = "\t|"
	digits    = "0123456789abcdef"
)

// typeLetter is the letter that find(1) prints for a type, 0 for no type.
func typeLetter(mode uint32) byte {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return 'f'
	case unix.S_IFDIR:
		return 'd'
	case unix.S_IFLNK:
		return 'l'
	case unix.S_IFIFO:
		return 'p'
	case unix.S_IFSOCK:
		return 's'
	case unix.S_IFCHR:
		return 'c'
	case unix.S_IFBLK:
		return 'b'
	}
	return 0
}

// appendCounting appends the part of an entry's line that counts for the digest.
func appendCounting(b []byte, e *Entry) []byte {
	b = appendText(b, e.Path)
	b = append(b, '\t', typeLetter(e.Mode), '0'+byte(e.Mode>>9&7), '0'+byte(e.Mode>>6&7), '0'+byte(e.Mode>>3&7), '0'+byte(e.Mode&7), '\t')
	b = strconv.AppendUint(b, uint64(e.UID), 10)
	b = append(b, ':')
	b = strconv.AppendUint(b, uint64(e.GID), 10)
	b = appendTime(append(b, '\t'), e.ModTime)
	b = append(b, '\t')
	if e.IsRegular() {
		b = strconv.AppendInt(b, e.Size, 10)
	} else {
		b = append(b, '-')
	}
	b = appendHash(append(b, '\t'), e.Hash)
	return appendRare(b, e)
}

// appendRare appends the columns that most entries do not have.
func appendRare(b []byte, e *Entry) []byte {
	if e.IsSymlink() {
		b = appendText(append(b, "\ttarget="...), e.Target)
	}
	if e.IsDevice() {
		b = strconv.AppendUint(append(b, "\trdev="...), uint64(unix.Major(e.Rdev)), 10)
		b = strconv.AppendUint(append(b, ':'), uint64(unix.Minor(e.Rdev)), 10)
	}
	if e.Link != "" {
		b = appendText(append(b, "\tlink="...), e.Link)
	}
	for _, x := range e.Xattrs {
		b = appendName(append(b, "\txattr="...), x.Name)
		b = appendText(append(b, '='), x.Value)
	}
	return b
}

// appendKept appends the part of an entry's line that does not count.
func appendKept(b []byte, e *Entry) []byte {
	if e.Data == nil && e.Layer == "" && e.Object == "" && e.Inode == 0 && e.ChangeTime == 0 {
		return b
	}
	b = append(b, separator...)
	if e.Data != nil {
		b = append(b, "\tdata="...)
		for i, r := range e.Data {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, r.Offset, 10)
			b = strconv.AppendInt(append(b, '+'), r.Length, 10)
		}
	}
	if e.Layer != "" {
		b = appendText(append(b, "\tlayer="...), e.Layer)
	}
	if e.Object != "" {
		b = appendText(append(b, "\tobject="...), e.Object)
	}
	if e.Inode != 0 {
		b = strconv.AppendUint(append(b, "\tinode="...), e.Inode, 10)
	}
	if e.ChangeTime != 0 {
		b = appendTime(append(b, "\tctime="...), e.ChangeTime)
	}
	return b
}

// appendTime appends nanoseconds as decimal seconds with nine places.
func appendTime(b []byte, nanoseconds int64) []byte {
	n := uint64(nanoseconds)
	if nanoseconds < 0 {
		b, n = append(b, '-'), -n
	}
	b = strconv.AppendUint(b, n/1e9, 10)
	b = append(b, '.')
	for unit := uint64(1e8); unit > 0; unit /= 10 {
		b = append(b, '0'+byte(n/unit%10))
	}
	return b
}

func appendHash(b []byte, h Hash) []byte {
	if h.IsZero() {
		return append(b, '-')
	}
	return hex.AppendEncode(b, h[:])
}

// appendText appends bytes with what would end a column or line, what does not
// show, and what is not UTF-8 as \xHH.
func appendText[T string | []byte](b []byte, text T) []byte {
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			b = appendASCII(b, c)
			i++
			continue
		}
		tail := text[i:]
		r, size := utf8.DecodeRuneInString(string(tail[:min(len(tail), utf8.UTFMax)]))
		if r == utf8.RuneError && size == 1 {
			b = appendEscaped(b, text[i])
		} else {
			b = append(b, text[i:i+size]...)
		}
		i += size
	}
	return b
}

// appendName is appendText for what an equals sign ends.
func appendName(b []byte, name string) []byte {
	from := len(b)
	b = appendText(b, name)
	for i := from; i < len(b); i++ {
		if b[i] == '=' {
			b = append(b[:i], append([]byte(`\x3d`), b[i+1:]...)...)
		}
	}
	return b
}

func appendASCII(b []byte, c byte) []byte {
	if c < 0x21 || c == 0x7f || c == '\\' {
		return appendEscaped(b, c)
	}
	return append(b, c)
}

func appendEscaped(b []byte, c byte) []byte { return append(b, '\\', 'x', digits[c>>4], digits[c&15]) }
