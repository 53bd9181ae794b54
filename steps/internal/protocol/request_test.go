package protocol

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
)

func TestParseRequest(t *testing.T) {
	hello := Hello{Protocol: 1, Relationship: "wiki-dr", Run: "r1", RecoveryPoint: time.Unix(1, 5).UTC()}
	body, err := json.Marshal(hello)
	require.NoError(t, err)
	for _, command := range []string{
		"scribe hello " + string(body),
		"scribe  hello  '" + string(body) + "' ",
	} {
		r, err := ParseRequest(command)
		require.NoError(t, err, command)
		var got Hello
		require.NoError(t, r.Decode(&got))
		assert.Equal(t, "hello", r.Verb)
		assert.Equal(t, hello, got)
	}
	r, err := ParseRequest(`rsync --server -logDtpre.iLsfxCIvu --filter=a\ b . .`)
	require.NoError(t, err)
	assert.Equal(t, []string{"--server", "-logDtpre.iLsfxCIvu", "--filter=a b", ".", "."}, r.Args)
}

func TestParseRequestRefuses(t *testing.T) {
	for _, command := range []string{
		"", "sh", "scribe", "scribe exec x", "scribe survey now", "/usr/bin/rsync --server",
		"bash -c 'rsync --server'", "rsync --server 'unclosed", "internal-sftp",
	} {
		_, err := ParseRequest(command)
		var refused *Refused
		require.ErrorAs(t, err, &refused, "%q", command)
		assert.Equal(t, contract.RefusedRequest, refused.Code)
	}
	r, err := ParseRequest(`scribe hello {"runID":"x","shell":true}`)
	require.NoError(t, err)
	assert.ErrorContains(t, r.Decode(&Hello{}), "shell")
	r, err = ParseRequest(`scribe hello {} {}`)
	require.NoError(t, err)
	assert.Error(t, r.Decode(&Hello{}))
}

func FuzzParseRequest(f *testing.F) {
	f.Add(`scribe hello {"protocol":1,"runID":"a"}`)
	f.Add(`rsync --server -e.LsfxCIvu . "a b"`)
	f.Add(`scribe commit '{"totals":{"bytes":-1}}'`)
	f.Fuzz(func(t *testing.T, command string) {
		r, err := ParseRequest(command)
		if err != nil {
			require.ErrorAs(t, err, new(*Refused))
			return
		}
		switch r.Verb {
		case RequestRsync, RequestSurvey:
		case "hello":
			roundTrip(t, r, &Hello{}, &Hello{})
		case "commit":
			roundTrip(t, r, &Commit{}, &Commit{})
		case RequestLane:
			roundTrip(t, r, &Lane{}, &Lane{})
		case RequestDone:
			roundTrip(t, r, &Done{}, &Done{})
		case "abort":
			roundTrip(t, r, &Abort{}, &Abort{})
		default:
			t.Fatalf("verb %q from %q", r.Verb, command)
		}
	})
}

// roundTrip checks that what was understood means the same when it is said
// again.
func roundTrip(t *testing.T, r Request, first, second any) {
	if r.Decode(first) != nil {
		return
	}
	body, err := json.Marshal(first)
	if err != nil { // times outside of RFC 3339
		return
	}
	again, err := ParseRequest("scribe " + r.Verb + " " + string(body))
	require.NoError(t, err)
	require.NoError(t, again.Decode(second))
	one, _ := json.Marshal(first)
	two, _ := json.Marshal(second)
	require.Equal(t, string(one), string(two))
}
