package listener

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/lanes"
	"github.com/backube/scribe-gen/steps/internal/link"
	"github.com/backube/scribe-gen/steps/internal/protocol"
)

// lots are the sets of lanes of one connection, by ID.
type lots struct {
	mu   sync.Mutex
	sets map[string]*lot
}

// lot is the lanes of one stream.
type lot struct {
	lanes   []*link.Session
	missing int
	full    chan struct{} // closed when no lane is missing
	over    chan struct{} // closed when the stream has ended
}

// laneTimeout bounds the wait for the lanes of a stream to come together.
const laneTimeout = 30 * time.Second

// join adds a lane to its set.
func (l *lots) join(lane protocol.Lane, s *link.Session) (*lot, error) {
	if lane.Count < 2 || lane.Count > lanes.Max || lane.Index < 0 || lane.Index >= lane.Count {
		return nil, refuse(contract.RefusedRequest, "lane %d of %d is not allowed here: 2 to %d lanes", lane.Index, lane.Count, lanes.Max)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	set := l.sets[lane.ID]
	if set == nil {
		set = &lot{lanes: make([]*link.Session, lane.Count), missing: lane.Count, full: make(chan struct{}), over: make(chan struct{})}
		if l.sets == nil {
			l.sets = map[string]*lot{}
		}
		l.sets[lane.ID] = set
	}
	if len(set.lanes) != lane.Count || set.lanes[lane.Index] != nil {
		return nil, refuse(contract.RefusedRequest, "lane %d of %d does not fit the others", lane.Index, lane.Count)
	}
	set.lanes[lane.Index] = s
	if set.missing--; set.missing == 0 {
		close(set.full)
	}
	return set, nil
}

func (l *lots) leave(id string, set *lot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sets, id)
	close(set.over)
}

// lane lends a session's channel to an rsync request on the same connection, for
// as long as that lasts.
func (c *conn) lane(ctx context.Context, s *link.Session, request protocol.Request) error {
	var lane protocol.Lane
	if err := request.Decode(&lane); err != nil {
		return err
	}
	if lane.Index == 0 {
		return refuse(contract.RefusedRequest, "lane 0 is the rsync request itself")
	}
	set, err := c.lots.join(lane, s)
	if err != nil {
		return err
	}
	select {
	case <-set.over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// spread is the session of an rsync request with its stream over several lanes,
// when the client asked for that.
func (c *conn) spread(ctx context.Context, s *link.Session) (*link.Session, func(), error) {
	wish := s.Env[protocol.LanesVariable]
	if wish == "" {
		return s, func() {}, nil
	}
	var lane protocol.Lane
	if err := json.Unmarshal([]byte(wish), &lane); err != nil || lane.Index != 0 {
		return nil, nil, refuse(contract.RefusedRequest, "%s=%q is not allowed here", protocol.LanesVariable, wish)
	}
	set, err := c.lots.join(lane, s)
	if err != nil {
		return nil, nil, err
	}
	select {
	case <-set.full:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-time.After(laneTimeout):
		err = fmt.Errorf("not all of %d lanes came within %s", lane.Count, laneTimeout)
	}
	if err != nil {
		c.lots.leave(lane.ID, set)
		return nil, nil, err
	}
	ins, outs := make([]io.Reader, lane.Count), make([]io.Writer, lane.Count)
	for i, l := range set.lanes {
		ins[i], outs[i] = l.Stdin, l.Stdout
	}
	w := lanes.NewWriter(outs)
	joined := &link.Session{Command: s.Command, Env: s.Env, Stdin: lanes.NewReader(ins), Stdout: w, Stderr: s.Stderr}
	return joined, func() {
		_ = w.Close()
		c.lots.leave(lane.ID, set)
	}, nil
}
