package fault

import (
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

// An Action is what happens to one request. The zero Action lets it pass. Its
// parts add up: a request may be delayed and its answer then be cut.
type Action struct {
	// Delay is how long the request waits before anything else happens to it.
	Delay time.Duration
	// Status and Code are the answer that is given instead of the server's,
	// which does not see the request.
	Status int
	Code   string
	// Cut closes the connection to the client. The server sees a request that
	// ends early as well.
	Cut Cut
	// After is how many bytes of the body pass before the cut.
	After int64
	// Clock is how far the clock of the store is from this machine's. Answers
	// are dated by it, and requests dated more than SkewAllowed from it are
	// refused as RequestTimeTooSkewed. The server behind allows 15 minutes of
	// the true time, so that a client which corrects its clock gets through
	// when Clock is below that.
	Clock time.Duration
}

// A Cut says which body does not arrive in full.
type Cut int

const (
	// NoCut leaves the connection as it is.
	NoCut Cut = iota
	// CutRequest ends a request while it is sent. One whose body has no more
	// than After bytes reaches the server in full, and its answer is lost.
	CutRequest
	// CutResponse ends an answer while it is sent. One whose body has no more
	// than After bytes passes in full.
	CutResponse
)

// SkewAllowed is how far the date of a request may be from Action.Clock.
const SkewAllowed = 5 * time.Minute

// Answer refuses a request with a status and one of the codes of S3.
func Answer(status int, code string) Action { return Action{Status: status, Code: code} }

// SlowDown is the answer of a store that has too much to do.
func SlowDown() Action { return Answer(http.StatusServiceUnavailable, "SlowDown") }

// InternalError is the answer of a store that failed.
func InternalError() Action { return Answer(http.StatusInternalServerError, "InternalError") }

// Delay lets a request pass after a time.
func Delay(d time.Duration) Action { return Action{Delay: d} }

// CutUpload closes the connection when after bytes of the request's body have
// passed.
func CutUpload(after int64) Action { return Action{Cut: CutRequest, After: after} }

// CutDownload closes the connection when after bytes of the answer's body have
// passed.
func CutDownload(after int64) Action { return Action{Cut: CutResponse, After: after} }

// Clock lets the store's clock differ from this machine's; see Action.Clock.
func Clock(ahead time.Duration) Action { return Action{Clock: ahead} }

// Always does a to every request of the operations; of all without any.
func Always(a Action, operations ...Operation) Hook { return Every(1, a, operations...) }

// Every does a to every nth request of the operations, the nth being the first;
// of all requests without any operation. With n below 1 it does nothing.
func Every(n int64, a Action, operations ...Operation) Hook {
	return counted(operations, func(i int64) bool { return n > 0 && i%n == 0 }, a)
}

// First does a to the first n requests of the operations, of all requests
// without any operation.
func First(n int64, a Action, operations ...Operation) Hook {
	return counted(operations, func(i int64) bool { return i <= n }, a)
}

// counted does a to requests of the operations by their number, from 1.
func counted(operations []Operation, chosen func(int64) bool, a Action) Hook {
	var seen atomic.Int64
	return func(r *http.Request) Action {
		if len(operations) > 0 && !slices.Contains(operations, OperationOf(r)) {
			return Action{}
		}
		if !chosen(seen.Add(1)) {
			return Action{}
		}
		return a
	}
}
