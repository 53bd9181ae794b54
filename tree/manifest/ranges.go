package manifest

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Ranges returns where an open file of that size holds data. It returns nil
// when the file has no holes, when the file system does not tell, and when there
// are more than 1024 ranges: such a file is kept as if it had none. A file that
// is a hole from end to end has a result that is empty but not nil. The offset of
// the file descriptor changes.
func Ranges(fd int, size int64) ([]Range, error) {
	ranges := []Range{}
	for pos := int64(0); pos < size; {
		data, err := unix.Seek(fd, pos, unix.SEEK_DATA)
		switch {
		case errors.Is(err, unix.ENXIO): // a hole to the end
			return ranges, nil
		case errors.Is(err, unix.EINVAL):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("find data: %w", err)
		case data >= size: // it grew meanwhile
			return ranges, nil
		}
		hole, err := unix.Seek(fd, data, unix.SEEK_HOLE)
		switch {
		case errors.Is(err, unix.ENXIO): // it shrank meanwhile
			return ranges, nil
		case err != nil:
			return nil, fmt.Errorf("find holes: %w", err)
		}
		hole = min(hole, size)
		if data == 0 && hole == size || len(ranges) == maxRanges {
			return nil, nil
		}
		ranges = add(ranges, Range{data, hole - data})
		pos = hole
	}
	if size == 0 {
		return nil, nil
	}
	return ranges, nil
}

// add appends a range, or extends the last one if there is no hole between. A
// file that is written meanwhile may lose a hole, or get one, between two system
// calls.
func add(ranges []Range, r Range) []Range {
	if r.Length == 0 {
		return ranges
	}
	if n := len(ranges); n > 0 && ranges[n-1].End() == r.Offset {
		ranges[n-1].Length += r.Length
		return ranges
	}
	return append(ranges, r)
}
