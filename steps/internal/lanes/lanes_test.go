package lanes

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func split(t require.TestingT, data []byte, n, chunk int) []*bytes.Buffer {
	buffers := make([]*bytes.Buffer, n)
	writers := make([]io.Writer, n)
	for i := range buffers {
		buffers[i] = &bytes.Buffer{}
		writers[i] = buffers[i]
	}
	w := NewWriter(writers)
	for len(data) > 0 {
		part := data[:min(chunk, len(data))]
		_, err := w.Write(part)
		require.NoError(t, err)
		data = data[len(part):]
	}
	require.NoError(t, w.Close())
	return buffers
}

func readers(buffers []*bytes.Buffer) []io.Reader {
	list := make([]io.Reader, len(buffers))
	for i, b := range buffers {
		list[i] = b
	}
	return list
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("hello"), 3, 2)
	f.Add(bytes.Repeat([]byte("x"), 200_000), 5, 70_000)
	f.Fuzz(func(t *testing.T, data []byte, n, chunk int) {
		n, chunk = 1+int(uint(n)%Max), 1+int(uint(chunk)%100_000)
		got, err := io.ReadAll(iotest.OneByteReader(NewReader(readers(split(t, data, n, chunk)))))
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got))
	})
}

func TestATruncatedLaneIsNoEnd(t *testing.T) {
	for lane := range 3 {
		buffers := split(t, make([]byte, 500_000), 3, 40_000)
		buffers[lane].Truncate(buffers[lane].Len() - 1)
		_, err := io.ReadAll(NewReader(readers(buffers)))
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF, "lane %d", lane)
	}
	_, err := io.ReadAll(NewReader([]io.Reader{bytes.NewReader([]byte{255, 0, 0, 0})}))
	assert.ErrorContains(t, err, "frame")
}

func TestFor(t *testing.T) {
	assert.Equal(t, 1, For(0))
	assert.Equal(t, 1, For(time.Millisecond))
	assert.Equal(t, 11, For(50*time.Millisecond))
	assert.Equal(t, auto, For(time.Second))
}
