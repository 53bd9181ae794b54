package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/lanes"
	"github.com/backube/scribe-gen/steps/internal/link"
	"github.com/backube/scribe-gen/steps/internal/protocol"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/transfer"
)

// send surveys both sides and runs rsync over a connection of its own.
func (p *pusher) send(ctx context.Context, env *step.Env, s *session) (transfer.Report, error) {
	roundTrip := s.client.RoundTrip()
	place, cleanup, err := p.remote(shell{Session: s.welcome.Session, Lanes: p.lanes(s.welcome, roundTrip)}, ".")
	if err != nil {
		return transfer.Report{}, err
	}
	defer cleanup()
	place.Keeps, place.Empty, place.RoundTrip = s.welcome.Keeps, s.welcome.Empty, roundTrip
	place.Run = transfer.Run{Relationship: p.Relationship, Run: p.Run, RecoveryPoint: p.at}
	place.Last = transfer.Last{Run: s.welcome.LastRun, Digest: s.welcome.LastDigest, Changed: s.welcome.Changed}
	if slices.Contains(s.welcome.Requests, protocol.RequestSurvey) {
		place.Survey = s.survey
	}
	t, err := p.transferrer(env, place.Place)
	if err != nil {
		return transfer.Report{}, err
	}
	report, err := t.Run(ctx)
	report.Totals.Wire = place.wire()
	return report, err
}

// lanes is how many channels the data is spread over.
func (p *pusher) lanes(w protocol.Welcome, roundTrip time.Duration) int {
	switch {
	case !slices.Contains(w.Requests, protocol.RequestLane):
		return 1
	case p.Streams > 0:
		return min(p.Streams, lanes.Max)
	}
	return lanes.For(roundTrip)
}

// survey carries a survey over the session's connection.
func (s *session) survey(ctx context.Context, in io.Reader, out io.Writer) error {
	var errs strings.Builder
	env := map[string]string{protocol.SessionVariable: s.welcome.Session}
	err := s.client.Stream(ctx, "scribe survey", env, in, out, &errs)
	if ctx.Err() != nil { // what the listener says may still be on its way
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(errs.String()))
	}
	return nil
}

// remotePlace is a place behind the remote shell.
type remotePlace struct {
	transfer.Place
	wireFile string
}

// remote describes the other side to rsync: this binary as its remote shell.
func (p *pusher) remote(s shell, path string) (*remotePlace, func(), error) {
	dir, err := os.MkdirTemp("", "scribe-push-")
	if err != nil {
		return nil, nil, err
	}
	s.Place, s.WireFile = p.place, filepath.Join(dir, "wire")
	settings, err := json.Marshal(s)
	if err != nil {
		return nil, nil, err
	}
	return &remotePlace{
		Place: transfer.Place{
			Destination: "scribe:" + path,
			Shell:       quote(p.self) + " " + RemoteShellVerb,
			Env:         []string{shellVariable + "=" + string(settings)},
		},
		wireFile: s.WireFile,
	}, func() { _ = os.RemoveAll(dir) }, nil
}

// quote protects a path from rsync, which splits its remote shell at spaces.
func quote(path string) string { return `"` + strings.ReplaceAll(path, `"`, `""`) + `"` }

// wire is what crossed the connection of the remote shell.
func (r *remotePlace) wire() int64 {
	b, err := os.ReadFile(r.wireFile)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(b), 10, 64)
	return n
}

// plain sends to an ordinary SSH server with rsync. There is no recovery point
// and no commit: what arrives is what rsync leaves there.
func (p *pusher) plain(ctx context.Context, env *step.Env) (contract.Outcome, error) {
	// One connection first, for an error about keys that is clear.
	client, err := link.Dial(ctx, p.target)
	if err != nil {
		return contract.Outcome{}, keyError(err)
	}
	roundTrip := client.RoundTrip()
	_ = client.Close()
	place, cleanup, err := p.remote(shell{}, p.RemotePath)
	if err != nil {
		return contract.Outcome{}, err
	}
	defer cleanup()
	// What the other side may keep is unknown: ask for everything, and let its
	// rsync complain.
	place.Keeps = protocol.Keeps{Owners: true, Devices: true, Capabilities: true, Trusted: true}
	place.RoundTrip = roundTrip
	t, err := p.transferrer(env, place.Place)
	if err != nil {
		return contract.Outcome{}, err
	}
	report, err := t.Run(ctx)
	report.Totals.Wire = place.wire()
	return report.Outcome(), err
}

func keyError(err error) error {
	if errors.Is(err, link.ErrHostKey) || errors.Is(err, link.ErrClientKey) {
		return step.Refuse(contract.RefusedKey, "%w", err)
	}
	return err
}
