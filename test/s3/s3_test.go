package s3_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/hash"
	"github.com/rclone/rclone/fs/object"
	"github.com/rclone/rclone/fs/walk"
	"github.com/rclone/rclone/lib/encoder"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/s3"
	"github.com/backube/scribe-gen/test/s3/s3test"
)

// limit bounds what a test asks of one server.
const limit = 2 * time.Minute

// each runs a test against every kind of server, with TLS.
func each(t *testing.T, test func(ctx context.Context, t *testing.T, s *s3.Server)) {
	for _, kind := range s3.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := s3test.Server(t, kind, true)
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			test(ctx, t, s)
		})
	}
}

func open(ctx context.Context, t *testing.T, a s3.Access, dir string, settings ...string) fs.Fs {
	t.Helper()
	f, err := a.Fs(ctx, path.Join(s3.DefaultBucket, dir), settings...)
	require.NoError(t, err)
	return f
}

func put(ctx context.Context, f fs.Fs, name string, content []byte, options ...fs.OpenOption) (fs.Object, error) {
	info := object.NewStaticObjectInfo(name, time.Unix(1700000000, 123456789), int64(len(content)), true, nil, nil)
	return f.Put(ctx, bytes.NewReader(content), info, options...)
}

func get(ctx context.Context, t *testing.T, f fs.Fs, name string, options ...fs.OpenOption) []byte {
	t.Helper()
	o, err := f.NewObject(ctx, name)
	require.NoError(t, err, "%q", name)
	r, err := o.Open(ctx, options...)
	require.NoError(t, err, "%q", name)
	defer r.Close()
	content, err := io.ReadAll(r)
	require.NoError(t, err, "%q", name)
	return content
}

func list(ctx context.Context, t *testing.T, f fs.Fs) []string {
	t.Helper()
	var names []string
	require.NoError(t, walk.ListR(ctx, f, "", true, -1, walk.ListObjects, func(entries fs.DirEntries) error {
		for _, e := range entries {
			names = append(names, e.Remote())
		}
		return nil
	}))
	return names
}

func random(size int) []byte {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(content)
	return content
}

func TestObjects(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, s *s3.Server) {
		f := open(ctx, t, s.Access, "objects")
		assert.Empty(t, list(ctx, t, f))
		content := random(100_000)
		o, err := put(ctx, f, "dir/file", content)
		require.NoError(t, err)
		_, err = put(ctx, f, "empty", nil)
		require.NoError(t, err)

		sum, err := o.Hash(ctx, hash.MD5)
		require.NoError(t, err)
		want := md5.Sum(content)
		assert.Equal(t, hex.EncodeToString(want[:]), sum, "the ETag of a small object is its MD5")
		assert.Equal(t, int64(1700000000123456789), o.ModTime(ctx).UnixNano())
		assert.True(t, bytes.Equal(content, get(ctx, t, f, "dir/file")))
		assert.Empty(t, get(ctx, t, f, "empty"))
		assert.ElementsMatch(t, []string{"dir/file", "empty"}, list(ctx, t, f))

		for _, r := range []fs.RangeOption{{Start: 0, End: 0}, {Start: 70_000, End: 99_999}, {Start: 99_000, End: -1}} {
			end := r.End + 1
			if r.End < 0 {
				end = int64(len(content))
			}
			assert.True(t, bytes.Equal(content[r.Start:end], get(ctx, t, f, "dir/file", &r)), "%v", r)
		}

		require.NoError(t, o.Remove(ctx))
		_, err = f.NewObject(ctx, "dir/file")
		require.ErrorIs(t, err, fs.ErrorObjectNotFound)
		assert.Equal(t, []string{"empty"}, list(ctx, t, f))
	})
}

func TestMultipartUpload(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, s *s3.Server) {
		proxy := s3test.Proxy(t, s, nil)
		f := open(ctx, t, proxy.Access, "multipart", "upload_cutoff=5Mi", "chunk_size=5Mi")
		content := random(12 << 20)
		_, err := put(ctx, f, "large", content)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(content, get(ctx, t, f, "large")))
		assert.EqualValues(t, 3, proxy.Counts().Requests["PART"])
	})
}

func TestNamesSurvive(t *testing.T) {
	// XML cannot hold it, and Versity does not encode names in listings.
	const control = "\x01control"
	names := []string{
		"with space", " leading space", "trailing space ", "üñí/日本語/🙂", "e\u0301 decomposed", "é composed",
		"a+b", "100%", "per%20cent%2F", ".hidden", "...", "trailing.", ".dir./file",
		`back\slash`, `quotes'"`, "query?a=b&c", "hash#", "tilde~", "star*", "colon:semi;", "<angle>", "$|()[]{}!@=,^`",
		"tab\there", "new\nline", "delete\x7f", "invalid\xffutf8", "Case", "case",
	}
	for i, name := range names {
		// What rclone's own file systems hand to others.
		names[i] = encoder.OS.ToStandardPath(name)
	}
	each(t, func(ctx context.Context, t *testing.T, s *s3.Server) {
		// Names are part of what is signed, so they pass the proxy unchanged.
		f := open(ctx, t, s3test.Proxy(t, s, nil).Access, "names")
		names := names
		if s.Kind != s3.Versity {
			names = append(slices.Clone(names), encoder.OS.ToStandardPath(control))
		}
		for _, name := range names {
			_, err := put(ctx, f, name, []byte(name))
			require.NoError(t, err, "%q", name)
		}
		for _, name := range names {
			assert.Equal(t, name, string(get(ctx, t, f, name)))
		}
		assert.ElementsMatch(t, names, list(ctx, t, f))
	})
}

// Of writers that all want a key to be new, one gets it, where the server knows
// preconditions.
func TestPreconditions(t *testing.T) {
	isNew := &fs.HTTPOption{Key: "If-None-Match", Value: "*"}
	each(t, func(ctx context.Context, t *testing.T, s *s3.Server) {
		f := open(ctx, t, s.Access, "preconditions")
		_, err := put(ctx, f, "one", []byte("first"), isNew)
		require.NoError(t, err)
		_, err = put(ctx, f, "one", []byte("second"), isNew)
		if s.Kind == s3.Rclone {
			require.NoError(t, err)
			assert.Equal(t, "second", string(get(ctx, t, f, "one")))
			return
		}
		requirePrecondition(t, err)
		assert.Equal(t, "first", string(get(ctx, t, f, "one")))

		const writers = 8
		errs := make([]error, writers)
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() { _, errs[i] = put(ctx, f, "race", fmt.Append(nil, i), isNew) })
		}
		all.Wait()
		winner := slices.Index(errs, nil)
		require.NotEqual(t, -1, winner, "%v", errs)
		assert.Equal(t, fmt.Sprint(winner), string(get(ctx, t, f, "race")))
		for i, err := range errs {
			if i != winner {
				requirePrecondition(t, err)
			}
		}
	})
}

func requirePrecondition(t *testing.T, err error) {
	t.Helper()
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	var response *awshttp.ResponseError
	require.ErrorAs(t, err, &response)
	assert.Equal(t, "PreconditionFailed", api.ErrorCode())
	assert.Equal(t, 412, response.HTTPStatusCode())
}

// Only who trusts the server's authority and has its keys gets in.
func TestStrangersAreRefused(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, s *s3.Server) {
		ctx, config := fs.AddConfig(ctx)
		config.LowLevelRetries = 1
		for what, change := range map[string]func(*s3.Access){
			"the certificate is not trusted": func(a *s3.Access) { a.CAFile = "" },
			"the secret key is wrong":        func(a *s3.Access) { a.SecretKey += "x" },
			"the access key is wrong":        func(a *s3.Access) { a.AccessKey += "x" },
		} {
			a := s.Access
			change(&a)
			f := open(ctx, t, a, "dir")
			_, err := put(ctx, f, "file", []byte("content"))
			require.Error(t, err, what)
			_, err = f.List(ctx, "")
			require.Error(t, err, what)
		}
	})
}

func TestDirectoryIsKept(t *testing.T) {
	for _, kind := range s3.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			o := s3.Options{Kind: kind, Directory: filepath.Join(t.TempDir(), "sub"), Buckets: []string{"one", s3.DefaultBucket}}
			s := s3test.Start(t, o)
			_, err := put(ctx, open(ctx, t, s.Access, ""), "file", []byte("content"))
			require.NoError(t, err)
			require.NoError(t, s.Stop())
			require.NoError(t, s.Stop(), "once more does nothing")

			s = s3test.Start(t, o)
			assert.Equal(t, "content", string(get(ctx, t, open(ctx, t, s.Access, ""), "file")))
			require.NoError(t, s.Stop())
			_, err = s.Fs(ctx, "one")
			require.NoError(t, err)
		})
	}
}

func TestServersEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := s3.Start(ctx, s3.Options{Kind: s3.Rclone})
	require.NoError(t, err)
	cancel()
	require.NoError(t, s.Stop())
	_, err = os.Stat(s.Directory)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestWrongOptions(t *testing.T) {
	_, err := s3.Start(t.Context(), s3.Options{Kind: "tape"})
	require.ErrorContains(t, err, `unknown kind of S3 server "tape"`)
	_, err = s3.Start(t.Context(), s3.Options{Kind: s3.Rclone, Address: "nowhere"})
	require.ErrorContains(t, err, "host:port")
	_, err = s3.Start(t.Context(), s3.Options{Kind: s3.Rclone, Address: "192.0.2.1:0"})
	require.Error(t, err)
	_, err = s3.Program(t.Context(), s3.Rclone)
	require.ErrorContains(t, err, "no program")
	s := s3test.Server(t, s3.Rclone, false)
	_, err = s.Certificate("127.0.0.1")
	require.ErrorContains(t, err, "without TLS")
}
