package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kballard/go-shellquote"

	"github.com/backube/scribe-gen/steps/contract"
)

// RequestLimit is the longest exec command that is read, in bytes. An rsync
// server command has a few hundred; OpenSSH itself stops at 256 KiB.
const RequestLimit = 64 << 10

// Request is a parsed exec command.
type Request struct {
	// Verb is hello, survey, lane, commit, done, abort or rsync.
	Verb string
	// Body is the JSON of hello, lane, commit, done and abort.
	Body []byte
	// Args are the arguments of rsync, without the program.
	Args []string
}

// ParseRequest reads an exec command. Anything but the protocol's requests is a
// refusal that names them.
func ParseRequest(command string) (Request, error) {
	if len(command) > RequestLimit {
		return Request{}, unknown("a command of %d bytes", len(command))
	}
	program, rest, _ := strings.Cut(strings.TrimSpace(command), " ")
	switch program {
	case "scribe":
		return parseScribe(strings.TrimSpace(rest))
	case "rsync":
		args, err := shellquote.Split(rest)
		if err != nil {
			return Request{}, unknown("arguments that cannot be split (%v)", err)
		}
		return Request{Verb: RequestRsync, Args: args}, nil
	default:
		return Request{}, unknown("the command %q", shorten(program))
	}
}

// parseScribe reads "hello {…}". The JSON is taken as it is: a shell on the
// client's side has removed its own quotes; one pair that is left is dropped.
func parseScribe(s string) (Request, error) {
	verb, body, _ := strings.Cut(s, " ")
	body = strings.TrimSpace(body)
	if n := len(body); n >= 2 && body[0] == '\'' && body[n-1] == '\'' {
		body = body[1 : n-1]
	}
	switch verb {
	case "hello", "commit", "abort", RequestDone, RequestLane:
		return Request{Verb: verb, Body: []byte(body)}, nil
	case RequestSurvey:
		if body == "" {
			return Request{Verb: verb}, nil
		}
	}
	return Request{}, unknown("the request %q", shorten("scribe "+verb))
}

// Decode reads the body of a request strictly: an unknown field would be a
// wish that is silently not granted.
func (r Request) Decode(into any) error {
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return unknown("a %s that is not valid (%v)", r.Verb, err)
	}
	if d.More() {
		return unknown("a %s with more than one JSON object", r.Verb)
	}
	return nil
}

func unknown(format string, args ...any) error {
	return &Refused{
		Code: contract.RefusedRequest,
		Message: fmt.Sprintf(format, args...) +
			" is not allowed here: only scribe hello|survey|lane|commit|done|abort and rsync --server are",
	}
}

func shorten(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
