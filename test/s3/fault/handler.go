package fault

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// stage is what is done to one request on its way, kept in its context for the
// answer.
type stage struct {
	action Action
	counts *counters
}

type stageKey struct{}

func stageOf(r *http.Request) stage {
	s, _ := r.Context().Value(stageKey{}).(stage)
	return s
}

var errCut = errors.New("the connection is cut")

// handler asks the hook about each request, and does it.
func (p *Proxy) handler(forward http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.counts.request(r)
		s := stage{(*p.hook.Load())(r), &p.counts}
		if !p.wait(r.Context(), s.action.Delay) {
			panic(http.ErrAbortHandler)
		}
		if refused, status, code := s.refuses(r); refused {
			p.counts.answer(status)
			p.counts.fault()
			refuse(w, r, s.action.now(), status, code)
			return
		}
		forward.ServeHTTP(w, r.WithContext(context.WithValue(s.request(r), stageKey{}, s)))
	})
}

// wait reports false when the client or the proxy went away meanwhile.
func (p *Proxy) wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	p.counts.fault()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-p.stopping.Done():
	}
	return false
}

// refuses reports whether the proxy answers by itself, and what.
func (s stage) refuses(r *http.Request) (refused bool, status int, code string) {
	if s.action.Status != 0 {
		return true, s.action.Status, s.action.Code
	}
	if s.action.Clock == 0 {
		return false, 0, ""
	}
	dated, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || dated.Sub(s.action.now()).Abs() <= SkewAllowed {
		return false, 0, ""
	}
	return true, http.StatusForbidden, "RequestTimeTooSkewed"
}

// now is the time of the store.
func (a Action) now() time.Time { return time.Now().Add(a.Clock) }

func refuse(w http.ResponseWriter, r *http.Request, now time.Time, status int, code string) {
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: "by the proxy of the test"})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// request prepares the request's body.
func (s stage) request(r *http.Request) context.Context {
	body := &countedBody{ReadCloser: r.Body, count: &s.counts.bytesIn}
	if s.action.Cut == CutRequest {
		s.counts.fault()
		body.limited, body.left = true, s.action.After
	}
	if r.ContentLength != 0 { // else the body would be sent in chunks
		r.Body = body
	}
	return r.Context()
}

// response prepares the answer: its date, its body, and its loss.
func (s stage) response(r *http.Response) error {
	s.counts.answer(r.StatusCode)
	if s.action.Cut == CutRequest {
		return errCut // the server took all of it
	}
	if s.action.Clock != 0 {
		r.Header.Set("Date", s.action.now().UTC().Format(http.TimeFormat))
	}
	body := &countedBody{ReadCloser: r.Body, count: &s.counts.bytesOut}
	if s.action.Cut == CutResponse {
		s.counts.fault()
		body.limited, body.left = true, s.action.After
	}
	r.Body = body
	return nil
}

// countedBody counts a body and may end it early. A body with exactly as many
// bytes as are left passes.
type countedBody struct {
	io.ReadCloser
	count   interface{ Add(int64) int64 }
	limited bool
	left    int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.limited && int64(n) > b.left {
		n, err = int(b.left), errCut
	}
	b.left -= int64(n)
	b.count.Add(int64(n))
	return n, err
}
