package fault_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/object"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/s3"
	"github.com/backube/scribe-gen/test/s3/fault"
	"github.com/backube/scribe-gen/test/s3/s3test"
)

const size = 300_000

// rig is a server, a proxy in front of it, and a client of each.
type rig struct {
	t             *testing.T
	ctx           context.Context
	proxy         *fault.Proxy
	direct, faced fs.Fs
}

func newRig(t *testing.T, kind s3.Kind, tls bool) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	// One retry, of requests without a body: rclone repeats no upload.
	ctx, config := fs.AddConfig(ctx)
	config.LowLevelRetries = 2
	server := s3test.Server(t, kind, tls)
	r := &rig{t: t, ctx: ctx, proxy: s3test.Proxy(t, server, nil)}
	var err error
	r.direct, err = server.Fs(ctx, s3.DefaultBucket)
	require.NoError(t, err)
	r.faced, err = r.proxy.Fs(ctx, s3.DefaultBucket)
	require.NoError(t, err)
	return r
}

func content() []byte { return bytes.Repeat([]byte("scribe"), size/6) }

// put uploads a file of size bytes.
func (r *rig) put(f fs.Fs, name string) error {
	info := object.NewStaticObjectInfo(name, time.Unix(1700000000, 0), size, true, nil, nil)
	_, err := f.Put(r.ctx, bytes.NewReader(content()), info)
	return err
}

// get downloads and returns what arrived.
func (r *rig) get(name string) ([]byte, error) {
	o, err := r.faced.NewObject(r.ctx, name)
	require.NoError(r.t, err)
	in, err := o.Open(r.ctx)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(in)
}

func requireCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	assert.Equal(t, code, api.ErrorCode())
}

func TestCounts(t *testing.T) {
	for name, tls := range map[string]bool{"HTTP": false, "HTTPS": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, s3.Rclone, tls)
			before := r.proxy.Counts()
			require.NoError(t, r.put(r.faced, "file"))
			uploaded := r.proxy.Counts()
			assert.EqualValues(t, 1, uploaded.Since(before).Total(fault.Put))
			assert.EqualValues(t, size, uploaded.Since(before).In)
			assert.Greater(t, uploaded.Since(before).WireIn, int64(size))

			got, err := r.get("file")
			require.NoError(t, err)
			assert.True(t, bytes.Equal(content(), got))
			down := r.proxy.Counts().Since(uploaded)
			assert.Equal(t, map[fault.Operation]int64{fault.Get: 1, fault.Head: 1}, down.Requests)
			assert.Equal(t, map[string]int64{"GET": 1, "HEAD": 1}, down.Methods)
			assert.EqualValues(t, 2, down.Total())
			assert.EqualValues(t, size, down.Out)
			assert.Zero(t, down.In)
			assert.Greater(t, down.WireOut, int64(size))
			assert.Zero(t, r.proxy.Counts().Faults)
			assert.Contains(t, down.String(), "GET 1, HEAD 1, bodies in 0 out 300000")
		})
	}
}

func TestAnswers(t *testing.T) {
	r := newRig(t, s3.Rclone, true)
	r.proxy.Use(fault.Always(fault.SlowDown(), fault.Put))
	requireCode(t, r.put(r.faced, "file"), "SlowDown")
	_, err := r.direct.NewObject(r.ctx, "file")
	require.ErrorIs(t, err, fs.ErrorObjectNotFound, "the server did not see it")
	assert.Equal(t, r.proxy.Counts().Faults, r.proxy.Counts().Answers[503])

	r.proxy.Use(fault.First(1, fault.InternalError(), fault.Put))
	requireCode(t, r.put(r.faced, "file"), "InternalError")
	require.NoError(t, r.put(r.faced, "file"), "the second request passes")
	assert.EqualValues(t, 1, r.proxy.Counts().Answers[500])

	r.proxy.Use(fault.Every(2, fault.SlowDown(), fault.List))
	before := r.proxy.Counts()
	for range 3 {
		_, err := r.faced.List(r.ctx, "")
		require.NoError(t, err)
	}
	assert.Equal(t, map[int]int64{200: 3, 503: 2}, r.proxy.Counts().Since(before).Answers)
}

func TestCutUploads(t *testing.T) {
	r := newRig(t, s3.Rclone, true)
	r.proxy.Use(fault.Always(fault.CutUpload(100_000), fault.Put))
	before := r.proxy.Counts()
	require.Error(t, r.put(r.faced, "file"))
	counts := r.proxy.Counts().Since(before)
	assert.EqualValues(t, 100_000*counts.Total(fault.Put), counts.In)
	_, err := r.direct.NewObject(r.ctx, "file")
	require.ErrorIs(t, err, fs.ErrorObjectNotFound, "the server has no half object")

	r.proxy.Use(fault.Always(fault.CutUpload(size), fault.Put))
	require.Error(t, r.put(r.faced, "file"), "the answer is lost")
	o, err := r.direct.NewObject(r.ctx, "file")
	require.NoError(t, err)
	assert.EqualValues(t, size, o.Size(), "the server took all of it")
}

func TestCutDownloads(t *testing.T) {
	r := newRig(t, s3.Rclone, true)
	require.NoError(t, r.put(r.direct, "file"))
	r.proxy.Use(fault.Always(fault.CutDownload(100_000), fault.Get))
	got, err := r.get("file")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Len(t, got, 100_000)
	assert.True(t, bytes.HasPrefix(content(), got))

	r.proxy.Use(fault.Always(fault.CutDownload(size), fault.Get))
	got, err = r.get("file")
	require.NoError(t, err, "there is nothing after the cut")
	assert.Len(t, got, size)
}

func TestClocks(t *testing.T) {
	for _, kind := range s3.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			r := newRig(t, kind, true)
			r.proxy.Use(fault.Always(fault.Clock(10 * time.Minute)))
			require.NoError(t, r.put(r.faced, "file"), "the client corrects its clock")
			assert.EqualValues(t, 1, r.proxy.Counts().Answers[403])

			// An hour is too far for the server behind.
			r.proxy.Use(fault.Always(fault.Clock(time.Hour)))
			requireCode(t, r.put(r.faced, "file"), "RequestTimeTooSkewed")
		})
	}
}

func TestDelays(t *testing.T) {
	r := newRig(t, s3.Rclone, false)
	r.proxy.Use(fault.Always(fault.Delay(100*time.Millisecond), fault.Put))
	started := time.Now()
	require.NoError(t, r.put(r.faced, "file"))
	assert.GreaterOrEqual(t, time.Since(started), 100*time.Millisecond)

	// A request that waits does not keep the proxy from stopping.
	r.proxy.Use(fault.Always(fault.Delay(time.Hour)))
	failed := make(chan error, 1)
	go func() { failed <- r.put(r.faced, "late") }()
	before := r.proxy.Counts().Faults
	require.Eventually(t, func() bool { return r.proxy.Counts().Faults > before }, 10*time.Second, time.Millisecond)
	require.NoError(t, r.proxy.Stop())
	require.Error(t, <-failed)
}

func TestOperations(t *testing.T) {
	copied := http.Header{"X-Amz-Copy-Source": {"bucket/other"}}
	for _, c := range []struct {
		want   fault.Operation
		method string
		url    string
		header http.Header
	}{
		{fault.Put, "PUT", "/bucket/a/b", nil},
		{fault.Get, "GET", "/bucket/a%2Fb?x-id=GetObject", nil},
		{fault.Head, "HEAD", "/bucket/a", nil},
		{fault.Delete, "DELETE", "/bucket/a", nil},
		{fault.Delete, "POST", "/bucket?delete=", nil},
		{fault.List, "GET", "/bucket?list-type=2&prefix=a%2F", nil},
		{fault.List, "GET", "/bucket/", nil},
		{fault.List, "GET", "/bucket?versions", nil},
		{fault.List, "GET", "/", nil},
		{fault.Copy, "PUT", "/bucket/a", copied},
		{fault.Copy, "PUT", "/bucket/a?partNumber=1&uploadId=x", copied},
		{fault.Part, "PUT", "/bucket/a?partNumber=1&uploadId=x", nil},
		{fault.Multipart, "POST", "/bucket/a?uploads=", nil},
		{fault.Multipart, "POST", "/bucket/a?uploadId=x", nil},
		{fault.Multipart, "DELETE", "/bucket/a?uploadId=x", nil},
		{fault.Bucket, "HEAD", "/bucket", nil},
		{fault.Bucket, "PUT", "/bucket/", nil},
		{fault.Bucket, "GET", "/bucket?location", nil},
		{fault.Other, "POST", "/bucket/a?restore", nil},
	} {
		r := httptest.NewRequest(c.method, c.url, nil)
		if c.header != nil {
			r.Header = c.header
		}
		assert.Equal(t, c.want, fault.OperationOf(r), "%s %s", c.method, c.url)
	}
}
