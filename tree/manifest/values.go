package manifest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"golang.org/x/sys/unix"
)

func parseDevice(text []byte) (uint64, bool) {
	major, minor, _ := bytes.Cut(text, []byte{':'})
	x, ok := parseUint(major, math.MaxUint32)
	if !ok {
		return 0, false
	}
	y, ok := parseUint(minor, math.MaxUint32)
	return unix.Mkdev(uint32(x), uint32(y)), ok
}

func parseRanges(text []byte) ([]Range, bool) {
	ranges := []Range{}
	for len(text) > 0 {
		if len(ranges) == maxRanges {
			return nil, false
		}
		var item []byte
		item, text, _ = bytes.Cut(text, []byte{','})
		offset, length, _ := bytes.Cut(item, []byte{'+'})
		x, ok := parseUint(offset, math.MaxInt64)
		if !ok {
			return nil, false
		}
		y, ok := parseUint(length, math.MaxInt64)
		if !ok {
			return nil, false
		}
		ranges = append(ranges, Range{int64(x), int64(y)})
	}
	return ranges, true
}

// parseTime is the inverse of appendTime.
func parseTime(text []byte) (int64, bool) {
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	point := len(text) - 10
	if point < 1 || text[point] != '.' {
		return 0, false
	}
	seconds, ok := parseUint(text[:point], math.MaxUint32*4) // more than 64 bits of nanoseconds hold
	if !ok {
		return 0, false
	}
	fraction, ok := parseDigits(text[point+1:], 999_999_999)
	n := seconds*1e9 + fraction
	switch {
	case !ok:
		return 0, false
	case negative:
		return int64(-n), n <= -math.MinInt64
	}
	return int64(n), n <= math.MaxInt64
}

// parseUint parses a decimal number without leading zeros.
func parseUint(text []byte, limit uint64) (uint64, bool) {
	if len(text) > 1 && text[0] == '0' {
		return 0, false
	}
	return parseDigits(text, limit)
}

func parseDigits(text []byte, limit uint64) (uint64, bool) {
	var n uint64
	for _, c := range text {
		d := uint64(c - '0')
		if d > 9 || n > (limit-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(text) > 0
}

// unescape is the inverse of appendText.
func unescape(text []byte) (string, error) {
	i := bytes.IndexByte(text, '\\')
	if i < 0 {
		return string(text), nil
	}
	var out strings.Builder
	out.Grow(len(text))
	for ; i >= 0; i = bytes.IndexByte(text, '\\') {
		out.Write(text[:i])
		var c [1]byte
		if len(text) < i+4 || text[i+1] != 'x' {
			return "", fmt.Errorf(`backslash without xHH in %.64q`, text)
		}
		if _, err := hex.Decode(c[:], text[i+2:i+4]); err != nil {
			return "", fmt.Errorf(`\x in %.64q: %w`, text, err)
		}
		out.WriteByte(c[0])
		text = text[i+4:]
	}
	out.Write(text)
	return out.String(), nil
}
