package rclonepush

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/backube/scribe-gen/steps/internal/progress"
)

// passage is one reading of a file from its start. It ends with the context, and
// counts as progress what passes by, until it is taken back because the file is
// read once more, or in the end is counted as a whole.
type passage struct {
	ctx      context.Context
	in       io.Reader
	progress *progress.Meter
	read     atomic.Int64 // rclone may read on for a moment when it has given up
}

func (p *passage) Read(b []byte) (int, error) {
	if p.ctx.Err() != nil {
		return 0, context.Cause(p.ctx)
	}
	n, err := p.in.Read(b)
	p.read.Add(int64(n))
	p.progress.Add(int64(n), 0, 0)
	return n, err
}

// Close takes back what was counted.
func (p *passage) Close() error {
	p.progress.Add(-p.read.Swap(0), 0, 0)
	return nil
}
