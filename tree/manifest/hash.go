package manifest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/blake3"
)

// Hash is the BLAKE3-256 of a file's content. The zero value means none.
type Hash [32]byte

// String is the hash in lower hex, 64 characters.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether there is no hash.
func (h Hash) IsZero() bool { return h == Hash{} }

// ParseHash is the inverse of String. It takes upper case too.
func ParseHash(text string) (Hash, error) {
	var h Hash
	if len(text) != hex.EncodedLen(len(h)) {
		return Hash{}, fmt.Errorf("hash of %d characters: want %d", len(text), hex.EncodedLen(len(h)))
	}
	if _, err := hex.Decode(h[:], []byte(text)); err != nil {
		return Hash{}, fmt.Errorf("hash %q: %w", text, err)
	}
	return h, nil
}

// hashBuffer is how much of a file is read at a time. Larger ones leave the
// cache of a core.
const hashBuffer = 128 << 10

// Hasher computes the Hash of what is written to it. One that is reset and used
// again saves the 10 KiB, and 128 KiB for ReadFrom, that a new one takes; that
// counts for trees of small files. It is not safe for concurrent use.
type Hasher struct {
	hasher *blake3.Hasher
	buf    []byte
}

// NewHasher returns a Hasher of nothing yet.
func NewHasher() *Hasher { return &Hasher{hasher: blake3.New()} }

// Write adds to what is hashed. It never fails.
func (h *Hasher) Write(p []byte) (int, error) { return h.hasher.Write(p) }

// ReadFrom adds all that r has and returns how many bytes that was.
func (h *Hasher) ReadFrom(r io.Reader) (int64, error) {
	if h.buf == nil {
		h.buf = make([]byte, hashBuffer)
	}
	var total int64
	for {
		n, err := r.Read(h.buf)
		_, _ = h.hasher.Write(h.buf[:n])
		total += int64(n)
		switch {
		case errors.Is(err, io.EOF):
			return total, nil
		case err != nil:
			return total, err
		}
	}
}

// Sum is the hash of all that was written since the last Reset.
func (h *Hasher) Sum() Hash {
	var sum Hash
	h.hasher.Sum(sum[:0])
	return sum
}

// Reset forgets what was written.
func (h *Hasher) Reset() { h.hasher.Reset() }

// HashOf hashes all that r has and returns how many bytes that was. Whoever
// hashes many files keeps a Hasher.
func HashOf(r io.Reader) (Hash, int64, error) {
	h := NewHasher()
	n, err := h.ReadFrom(r)
	if err != nil {
		return Hash{}, n, err
	}
	return h.Sum(), n, nil
}
