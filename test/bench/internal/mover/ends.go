package mover

import (
	"errors"
	"time"

	"github.com/backube/scribe-gen/test/bench/internal/link"
	"github.com/backube/scribe-gen/test/bench/internal/meter"
)

// ends are the groups of processes at the two ends of a contender's transfers.
type ends struct{ source, destination *meter.Group }

func newEnds(name string) (ends, error) {
	source, err := meter.New(name + "-source")
	if err != nil {
		return ends{}, err
	}
	destination, err := meter.New(name + "-destination")
	if err != nil {
		return ends{}, errors.Join(err, source.Close())
	}
	return ends{source, destination}, nil
}

func (e ends) close() error {
	if e.source == nil {
		return nil
	}
	return errors.Join(e.source.Close(), e.destination.Close())
}

// counters are the readings that a measurement is the difference of.
type counters struct {
	at                        time.Time
	source, destination, busy time.Duration
	wire                      int64
}

func (e ends) read(route link.Route) (counters, error) {
	c := counters{at: time.Now()}
	var errs [4]error
	c.source, errs[0] = e.source.CPU()
	c.destination, errs[1] = e.destination.CPU()
	c.busy, errs[2] = meter.Busy()
	c.wire, errs[3] = route.Bytes()
	return c, errors.Join(errs[:]...)
}

// measuring is a measurement under way.
type measuring struct {
	ends   ends
	route  link.Route
	before counters
	wall   time.Duration
}

// begin reads every counter.
func (e ends) begin(route link.Route) (*measuring, error) {
	e.source.Forget()
	e.destination.Forget()
	before, err := e.read(route)
	return &measuring{ends: e, route: route, before: before}, err
}

// time runs the part whose duration counts.
func (m *measuring) time(work func() error) error {
	start := time.Now()
	err := work()
	m.wall = time.Since(start)
	return err
}

// settle is how long the processes of both ends get to end after the transfer,
// outside of the measured time, so that their last CPU time is counted.
const settle = 100 * time.Millisecond

// end reads the counters again.
func (m *measuring) end() (Measurement, error) {
	time.Sleep(settle)
	after, err := m.ends.read(m.route)
	result := Measurement{
		Wall:        m.wall,
		Source:      End{CPU: after.source - m.before.source, Peaks: m.ends.source.Peaks()},
		Destination: End{CPU: after.destination - m.before.destination, Peaks: m.ends.destination.Peaks()},
		Wire:        after.wire - m.before.wire,
	}
	others := after.busy - m.before.busy - result.CPU()
	result.Others = max(0, others.Seconds()/after.at.Sub(m.before.at).Seconds())
	return result, err
}
