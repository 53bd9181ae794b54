package objectstore

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rclone/rclone/fs/config/obscure"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/test/s3"
	"github.com/backube/scribe-gen/test/s3/fault"
	"github.com/backube/scribe-gen/test/s3/s3test"
)

// What a retry cannot mend is refused with what to do, at the first request.
func TestStoresThatRefuse(t *testing.T) {
	server := s3test.Server(t, s3.Rclone, true)
	proxy := s3test.Proxy(t, server, nil)
	conf := proxy.Config("s3")
	tests := map[string]struct {
		conf, remote, advice string
		hook                 fault.Hook
		ca                   bool
	}{
		"unknown key":     {conf: strings.ReplaceAll(conf, server.AccessKey, "unknown"), advice: adviceKeys, ca: true},
		"wrong secret":    {conf: strings.ReplaceAll(conf, server.SecretKey, secretMark), advice: adviceKeys, ca: true},
		"no bucket":       {conf: conf, remote: "s3:absent/path", advice: adviceBucket, ca: true},
		"no rights":       {conf: conf, hook: fault.Always(fault.Answer(http.StatusForbidden, "AccessDenied")), advice: adviceRights, ca: true},
		"expired token":   {conf: conf, hook: fault.Always(fault.Answer(http.StatusBadRequest, "ExpiredToken")), advice: adviceKeys, ca: true},
		"unknown CA":      {conf: conf, advice: adviceTLS},
		"crypt on no key": {conf: strings.ReplaceAll(conf, server.AccessKey, "unknown") + cryptConfig("sealed", "s3:bucket/x"), remote: "sealed:", advice: adviceKeys, ca: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			proxy.Use(test.hook)
			config := Config{Remote: "s3:bucket/path", ConfigDir: configDir(t, map[string]string{"rclone.conf": test.conf})}
			if test.remote != "" {
				config.Remote = test.remote
			}
			if test.ca {
				config.CA = server.CAFile
			}
			s := open(t, config)
			begun := time.Now()
			_, err := s.Latest(t.Context())
			assert.Equal(t, contract.RefusedStore, step.Refusal(err), "%v", err)
			require.ErrorContains(t, err, test.advice)
			assert.Less(t, time.Since(begun), 10*time.Second)
			if name == "unknown CA" {
				return // every step lists first
			}
			_, err = s.Put(t.Context(), "layer", content("a", "alpha"))
			assert.Equal(t, contract.RefusedStore, step.Refusal(err), "%v", err)
		})
	}
}

// What may pass is retried, and then an ordinary failure.
func TestStoresThatFail(t *testing.T) {
	server := s3test.Server(t, s3.Rclone, false)
	proxy := s3test.Proxy(t, server, nil)
	config := Config{Remote: "s3:bucket/path", ConfigDir: configDir(t, map[string]string{
		"rclone.conf": proxy.Config("s3"), "RCLONE_LOW_LEVEL_RETRIES": "2\n"})}
	s := open(t, config)
	for name, hook := range map[string]fault.Hook{
		"slow down": fault.Always(fault.SlowDown()),
		"broken":    fault.Always(fault.InternalError()),
		"skewed":    fault.Always(fault.Answer(http.StatusForbidden, "RequestTimeTooSkewed")),
	} {
		proxy.Use(hook)
		before := proxy.Counts().Total()
		_, err := s.Latest(t.Context())
		assert.Equal(t, contract.ExitFailed, step.Code(err), "%s: %v", name, err)
		if name == "skewed" {
			require.ErrorContains(t, err, adviceClock)
			continue
		}
		assert.Greater(t, proxy.Counts().Total(), before+1, "%s is retried", name)
	}
}

// Uploads and downloads of every size survive connections that break and
// stores that are busy.
func TestContentOverBadNetwork(t *testing.T) {
	server := s3test.Server(t, s3.Rclone, true)
	proxy := s3test.Proxy(t, server, nil)
	config := s3Config(t, server, false)
	config.ConfigDir = configDir(t, map[string]string{"rclone.conf": proxy.Config("s3") + "upload_cutoff = 6Mi\nchunk_size = 5Mi\n"})
	s := open(t, config)
	text := big(12 << 20)
	hooks := map[string]fault.Hook{
		"slow down":     fault.Every(3, fault.SlowDown()),
		"other clock":   fault.Always(fault.Clock(10 * time.Minute)),
		"cut uploads":   fault.First(3, fault.CutUpload(3000)),
		"cut downloads": fault.First(3, fault.CutDownload(30_000), fault.Get),
	}
	for name, hook := range hooks {
		for _, size := range []int{5, 40_000, 3 << 20, 12 << 20} {
			proxy.Use(hook)
			stored, err := s.Put(t.Context(), "layer", content("f", text[:size]))
			require.NoError(t, err, "%s: put of %d", name, size)
			for _, offset := range []int{0, size / 3} {
				if offset > 0 && name == "other clock" {
					continue // a client learns nothing from answers to HEAD
				}
				in, err := s.Get(t.Context(), "layer", stored.Object, "f", int64(offset), -1)
				require.NoError(t, err, "%s: get of %d", name, size)
				data, err := io.ReadAll(in)
				require.NoError(t, err, "%s: get of %d", name, size)
				require.NoError(t, in.Close())
				assert.True(t, text[offset:size] == string(data), "%s: %d from %d", name, size, offset)
			}
		}
	}
}

// A request that nobody answers ends with its context.
func TestStalledStore(t *testing.T) {
	server := s3test.Server(t, s3.Rclone, false)
	proxy := s3test.Proxy(t, server, fault.Always(fault.Delay(5*time.Second)))
	s := open(t, Config{Remote: "s3:bucket/path", ConfigDir: configDir(t, map[string]string{
		"rclone.conf": proxy.Config("s3"), "RCLONE_TIMEOUT": "300ms", "RCLONE_LOW_LEVEL_RETRIES": "2"})})
	begun := time.Now()
	_, err := s.Latest(t.Context())
	require.Error(t, err)
	assert.Less(t, time.Since(begun), 8*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = s.Latest(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// Each object takes one request to store, and one to read.
func TestRequests(t *testing.T) {
	server := s3test.Server(t, s3.Rclone, false)
	for name, crypt := range map[string]bool{"plain": false, "crypt": true} {
		proxy := s3test.Proxy(t, server, nil)
		conf := proxy.Config("s3") + cryptConfig("sealed", "s3:bucket/sealed")
		config := Config{Remote: "s3:bucket/plain", ConfigDir: configDir(t, map[string]string{"rclone.conf": conf})}
		if crypt {
			config.Remote = "sealed:"
		}
		s := open(t, config)
		assert.Zero(t, proxy.Counts().Total(), "%s: opening needs no request", name)
		for _, size := range []int{100, 3 << 20} {
			before := proxy.Counts().Total()
			_, err := s.Put(t.Context(), "layer", content("dir/a", big(size)))
			require.NoError(t, err)
			assert.EqualValues(t, 1, proxy.Counts().Total()-before, "%s: put of %d", name, size)
			in, err := s.Get(t.Context(), "layer", "", "dir/a", 0, -1)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, in)
			require.NoError(t, err)
			require.NoError(t, in.Close())
			assert.EqualValues(t, 2, proxy.Counts().Total()-before, "%s: get of %d", name, size)
		}
	}
}

// Credentials are nowhere in errors and logs, whatever goes wrong and however
// much rclone is asked to say.
func TestCredentialsStaySecret(t *testing.T) {
	server := s3test.Server(t, s3.Rclone, false)
	good := server.Config("s3")
	obscured := obscure.MustObscure(secretMark)
	variables := map[string]string{
		"RCLONE_LOG_LEVEL": "DEBUG", "RCLONE_DUMP": "headers,bodies,auth", "RCLONE_LOW_LEVEL_RETRIES": "1",
		"RCLONE_S3_SESSION_TOKEN": secretMark,
	}
	for name, test := range map[string]struct{ remote, conf string }{
		"wrong secret":   {"s3:bucket/p", strings.ReplaceAll(good, server.SecretKey, secretMark)},
		"good":           {"s3:bucket/p", good},
		"on the command": {":s3,provider=Other,access_key_id=me,secret_access_key='" + secretMark + "',endpoint='http://127.0.0.1:9':bucket/p", ""},
		"bad crypt":      {"x:", "[x]\ntype = crypt\nremote = s3:bucket\npassword = " + secretMark + "\n"},
		"crypt":          {"x:", good + "\n[x]\ntype = crypt\nremote = s3:bucket\npassword = " + obscured + "\n"},
		"no such kind":   {"x:", "[x]\ntype = nosuch\npass = " + secretMark + "\n"},
		"broken file":    {"x:", "[x\ntype = s3\nsecret_access_key " + secretMark + "\n"},
		"broken line":    {"x:", "[x]\ntype = s3\n" + secretMark[:8] + "\n" + secretMark + "\n"},
		"azure":          {"x:p", "[x]\ntype = azureblob\nsas_url = http://127.0.0.1:9/c?sig=" + secretMark + "\n"},
		"webdav":         {"x:p", "[x]\ntype = webdav\nurl = http://127.0.0.1:9/\nuser = me\npass = " + obscured + "\nbearer_token = " + secretMark + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out output
			said := func(err error) {
				if err != nil {
					_, _ = out.Write([]byte(err.Error()))
				}
			}
			files := map[string]string{"rclone.conf": test.conf}
			for name, value := range variables {
				files[name] = value
			}
			config := Config{Remote: test.remote, ConfigDir: configDir(t, files), Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))}
			s, err := Open(t.Context(), config)
			said(err)
			if err == nil {
				_, err = s.Latest(timeout(t, 3*time.Second))
				said(err)
				_, err = s.Put(timeout(t, 3*time.Second), "layer", content("a", "alpha"))
				said(err)
			}
			assert.NotEmpty(t, out.String())
			assert.NotContains(t, out.String(), secretMark)
			assert.NotContains(t, out.String(), obscured)
			assert.NotContains(t, out.String(), server.SecretKey)
		})
	}
}
