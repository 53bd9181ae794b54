//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/e2e/internal/job"
	"github.com/backube/scribe-gen/test/s3"
)

func TestFanOutCredentials(t *testing.T) {
	proves(t, "an edge with a wrong key fails at once, in words, and harms nobody; one that may only read pulls; neither key is seen anywhere", onEach, func(t *testing.T, on pair) {
		f := newFanOut(t, on, s3.MinIO, 3)
		data := f.seedPlain(f.class, 20)
		f.apply()
		wrong, reader, ordinary := f.edges[0], f.edges[1], f.edges[2]
		access := f.store.Access
		access.SecretKey = "wrong-" + access.SecretKey[:20]
		wrong.credentials(wrong.replica, access)
		reading, token := f.mayRead()
		reader.credentials(reader.replica, reading, "session_token = "+token)

		first := f.push()
		runs := []*run{wrong.startDestination(), reader.startDestination(), ordinary.startDestination()}
		f.end(runs...)
		for i, edge := range f.edges[1:] {
			edge.identical(data, edge.pulled(runs[i+1], first))
		}
		assert.NotEmpty(t, runs[1].outcome(t, "pull").Warnings, "a pin could not be written")
		assert.Empty(t, runs[2].outcome(t, "pull").Warnings)
		assert.Contains(t, runs[0].refusal(t, "pull", contract.RefusedStore), "credentials")
		assert.Empty(t, wrong.replicaSnapshots())

		f.work(data, job.Mutate(10, 3))
		second := f.push()
		wrong.credentials(wrong.replica, f.store.Access)
		f.allPulled(f.pullAll(), second, data)
		f.discreet(access.SecretKey)
		f.discreet(reading.SecretKey)
		f.discreet(token)
		f.finish()
	})
}

// mayRead is access to the store that allows nothing but reading the scenario's path.
func (f *fanOut) mayRead() (access s3.Access, token string) {
	f.t.Helper()
	roots, err := f.store.Roots()
	require.NoError(f.t, err)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig.RootCAs = roots
	client := sts.New(sts.Options{
		Region: "us-east-1", BaseEndpoint: &f.store.Endpoint, HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider(f.store.AccessKey, f.store.SecretKey, ""),
	})
	policy := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::%s/%s/*"]},
		{"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::%[1]s"]}]}`, s3.DefaultBucket, f.id)
	out, err := client.AssumeRole(f.t.Context(), &sts.AssumeRoleInput{
		// The server has no roles and asks only for the form.
		RoleArn: aws.String("arn:aws:iam::000000000000:role/edge"), RoleSessionName: aws.String(f.id), Policy: &policy,
	})
	require.NoError(f.t, err)
	access = f.store.Access
	access.AccessKey, access.SecretKey = *out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey
	return access, *out.Credentials.SessionToken
}

func TestFanOutEdgeFull(t *testing.T) {
	proves(t, "an edge whose claim is too small is refused before anything is changed, with the numbers; source and the other edge go on", onEach, func(t *testing.T, on pair) {
		needsOwnCluster(t, "StorageClass capped, with volumes that can be full")
		f := newFanOut(t, on, s3.Versity, 2, func(r *spec.Replication) {
			r.Spec.Destinations[0].StorageClassName, r.Spec.Destinations[0].Capacity = "capped", "64Mi"
		})
		data := f.seedPlain(f.class, 20)
		f.apply()
		small, roomy := f.edges[0], f.edges[1]
		first := f.push()
		runs := f.pullAll()
		good := small.pulled(runs[0], first)
		roomy.identical(data, roomy.pulled(runs[1], first))

		f.work(data, job.Random("too big", 100<<20))
		second := f.push()
		full, pull := small.startDestination(), roomy.startDestination()
		f.end(full, pull)
		roomy.identical(data, roomy.pulled(pull, second))
		assert.Contains(t, full.refusal(t, "pull", contract.RefusedVolume), "it takes 100 MiB more")
		assert.Equal(t, []string{good.snapshot}, small.replicaSnapshots())
		assert.Equal(t, first.Generation, small.state().Last.Generation)
		assert.Nil(t, small.state().Writing)
		f.finish()
	})
}

func TestFanOutKilled(t *testing.T) {
	proves(t, "the push pod, then a pull pod is deleted in mid-transfer: edges read the store and their last replica snapshots stand meanwhile, both runs end whole; a pull that is started meanwhile waits its turn", onEach, func(t *testing.T, on pair) {
		f := newFanOut(t, on, kindFor(on), 2, func(r *spec.Replication) { r.Spec.Rclone.BandwidthLimit = "4Mi" })
		data := f.seedPlain(f.class, 30)
		f.apply()
		first := f.push()
		runs := f.pullAll()
		f.allPulled(runs, first, data)

		f.work(data, job.Mutate(20, 9))
		f.work(data, job.Random("big", 32<<20)) // 8 s at the limit
		source := f.startSource()
		pushing := f.pod(source, "push")
		f.midway(source, "push", "latest generation")
		f.kill(pushing)
		behind := f.edges[1].startDestination()
		f.another(pushing, source, "push")
		f.succeeded(source, behind)
		second := f.published(source)
		hit, other := f.edges[0], f.edges[1]
		if other.state().Last.Generation == first.Generation {
			other.upToDate(behind, first, 1)
		} else {
			other.identical(data, other.pulled(behind, second))
		}

		pull := hit.startDestination()
		pulling := hit.pod(pull, "pull")
		hit.midway(pull, "pull", "recoveryPoint")
		hit.kill(pulling)
		waiting := hit.startDestination() // its turn is after the one that is under way
		good := hit.pulled(runs[0], first)
		assert.Equal(t, []string{good.snapshot}, hit.replicaSnapshots())
		hit.another(pulling, pull, "pull")
		hit.succeeded(pull, waiting)
		hit.identical(data, hit.pulled(pull, second))
		hit.upToDate(waiting, second, 2)
		f.finish()
	})
}

// midway waits until a step of a run has logged a word, after which it is at work for
// seconds, and for some of them.
func (w *world) midway(r *run, step, word string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return strings.Contains(w.said(r, step), word) }, wait, 20*time.Millisecond, "step %s did not log %q", step, word)
	time.Sleep(rand.N(5 * time.Second))
}
