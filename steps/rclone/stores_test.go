package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rclone/rclone/fs/config/obscure"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/s3"
	"github.com/backube/scribe-gen/test/s3/fault"
	"github.com/backube/scribe-gen/test/s3/s3test"
	"github.com/backube/scribe-gen/tree/treetest"
)

// s3Source is a source whose generations go to an S3 server, through a proxy that
// counts and that does what hook says.
func s3Source(t testing.TB, kind s3.Kind, tls bool, hook fault.Hook) (*source, *fault.Proxy) {
	t.Helper()
	proxy := s3test.Proxy(t, s3test.Server(t, kind, tls), hook)
	s := newSource(t, "s3:"+s3.DefaultBucket+"/wiki", proxy.Config("s3"))
	s.ca = proxy.CAFile
	return s, proxy
}

// withCrypt lays encryption over the remote.
func (s *source) withCrypt() {
	s.t.Helper()
	password, err := obscure.Obscure(passphrase)
	require.NoError(s.t, err)
	conf, err := os.ReadFile(filepath.Join(s.config, contract.KeyRcloneConfig))
	require.NoError(s.t, err)
	s.setting(contract.KeyRcloneConfig, fmt.Sprintf("%s\n[secret]\ntype = crypt\nremote = %s\npassword = %s\n", conf, s.remote, password))
	s.remote = "secret:"
}

const passphrase = "the passphrase of the crypt remote"

// The same holds through every S3 server, with TLS and a CA of its own.
func TestPushToS3(t *testing.T) {
	for _, kind := range s3.Kinds() {
		for _, crypt := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, crypt %t", kind, crypt), func(t *testing.T) {
				s, proxy := s3Source(t, kind, kind != s3.Rclone, nil)
				if crypt {
					s.withCrypt()
				}
				treetest.Make(t, s.root, treetest.NoHuge())
				rng := rand.New(rand.NewPCG(41, 42))
				for n := range 3 {
					s.publish(runID(n))
					s.requirePublished()
					if n == 0 {
						s.requirePlain(s.plainCopy())
					}
					treetest.Mutate(t, s.root, rng)
				}
				s.publish("last")
				before := proxy.Counts()
				out := s.publish("unchanged")
				counts := proxy.Counts().Since(before)
				t.Logf("an unchanged tree takes %d requests: %v", counts.Total(), counts.Requests)
				assert.Zero(t, out.Bytes)
				assert.LessOrEqual(t, counts.Total(), int64(25))
			})
		}
	}
}

// Nothing that anybody may read holds a credential: neither arguments, nor logs at
// any level, nor outcomes, also when it is wrong.
func TestCredentials(t *testing.T) {
	s, proxy := s3Source(t, s3.Rclone, false, nil)
	s.withCrypt()
	s.setting("RCLONE_LOG_LEVEL", "DEBUG")
	s.setting("RCLONE_DUMP", "headers,auth")
	s.write(map[string]string{"file": "content"})
	var seen strings.Builder
	run := func(run string, code int) {
		p := s.push(run, time.Now())
		exit, out := p.wait()
		require.Equal(t, code, exit, p.log.String())
		text, _ := os.ReadFile(p.outcome)
		fmt.Fprintf(&seen, "%s\n%s\n%s\n%s\n", strings.Join(p.cmd.Args, " "), p.log.String(), text, out.Reason)
	}
	run("right", contract.ExitDone)
	conf, err := os.ReadFile(filepath.Join(s.config, contract.KeyRcloneConfig))
	require.NoError(t, err)
	wrong := "an-absolutely-wrong-secret-key"
	s.setting(contract.KeyRcloneConfig, strings.ReplaceAll(string(conf), proxy.SecretKey, wrong))
	run("wrong", contract.ExitRefused)
	for _, secret := range []string{proxy.SecretKey, wrong, passphrase} {
		assert.NotContains(t, seen.String(), secret)
	}
	assert.Contains(t, seen.String(), "correct the Secret", "the refusal says what to do")
}

// A store that is slow, fails now and then, or loses connections only takes longer.
func TestFaultyStore(t *testing.T) {
	for name, hook := range map[string]fault.Hook{
		"slow down":        fault.Every(5, fault.SlowDown()),
		"internal error":   fault.Every(7, fault.InternalError()),
		"cut upload":       fault.Every(9, fault.CutUpload(100), fault.Put),
		"cut download":     fault.Every(4, fault.CutDownload(10), fault.Get),
		"answers are lost": fault.Every(6, fault.CutUpload(1<<40), fault.Put),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, proxy := s3Source(t, s3.Rclone, false, hook)
			for n := range 60 {
				s.write(map[string]string{filepath.Join("d", runID(n)): string(noise(n, 1000*n))})
			}
			s.publish("first")
			s.write(map[string]string{"d/" + runID(7): "changed"})
			s.publish("second")
			assert.Positive(t, proxy.Counts().Faults)
			s.requirePublished()
			assert.Len(t, s.generations(), 2)
		})
	}
}
