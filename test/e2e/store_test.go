//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/cluster/boot"
	"github.com/backube/scribe-gen/test/s3"
)

// hostVariable names the address of this host at which the pods of a cluster that
// others made reach it.
const hostVariable = "SCRIBE_E2E_HOST"

// The Secrets of an object store, and the name of the remote in rclone.conf.
const (
	configSecret = "store"
	caSecret     = "store-ca"
	caKey        = "authority.pem"
	remoteName   = "remote"
)

// ofStore reports whether a Secret is what pods need to reach the object store.
func ofStore(secret string) bool { return secret == configSecret || secret == caSecret }

// stores are S3 servers of this host, with TLS and authorities of their own. One of
// each kind serves all scenarios, each below a path of its own.
type stores struct {
	// host is the address of this host for pods; empty when there is none.
	host string

	mu      sync.Mutex
	servers map[s3.Kind]*s3.Server
}

// build builds the servers as far as they are missing, so that no scenario has to wait
// for that.
func (s *stores) build(ctx context.Context) error {
	if s.host == "" {
		return nil
	}
	for _, kind := range []s3.Kind{s3.Versity, s3.MinIO} {
		if _, err := s3.Program(ctx, kind); err != nil {
			return err
		}
	}
	return nil
}

// get returns the server of a kind, which is started when nobody asked for it before.
func (s *stores) get(kind s3.Kind) (*s3.Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if server := s.servers[kind]; server != nil {
		return server, nil
	}
	// It outlives the scenario that needs it first.
	server, err := s3.Start(context.Background(), s3.Options{Kind: kind, Address: net.JoinHostPort(s.host, "0"), TLS: true})
	if err != nil {
		return nil, err
	}
	if s.servers == nil {
		s.servers = map[s3.Kind]*s3.Server{}
	}
	s.servers[kind] = server
	return server, nil
}

func (s *stores) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Stop())
	}
	return errors.Join(errs...)
}

// hostOf is the address by which this host talks to the cluster's node.
func hostOf(cluster *boot.Cluster) (string, error) {
	// Nothing is sent: the kernel only chooses a route.
	probe, err := net.Dial("udp", netip.AddrPortFrom(cluster.NodeAddress, 9).String())
	if err != nil {
		return "", fmt.Errorf("find this host's address for cluster %s: %w", cluster.Name, err)
	}
	defer probe.Close()
	host, _, err := net.SplitHostPort(probe.LocalAddr().String())
	return host, err
}

// store returns the object store of a kind, or leaves the scenario out.
func store(t *testing.T, kind s3.Kind) *s3.Server {
	t.Helper()
	if shared.stores.host == "" {
		leaveOut(t, "an address of this host that pods reach, in "+hostVariable)
	}
	server, err := shared.stores.get(kind)
	require.NoError(t, err)
	return server
}

// through has a spec go through an object store, below a path of its own.
func through(path string) *spec.Rclone {
	return &spec.Rclone{
		ConfigSecret: configSecret, Remote: remoteName + ":" + s3.DefaultBucket + "/" + path,
		CustomCA: &spec.CustomCA{Secret: caSecret, Key: caKey},
	}
}

// storeSecrets makes the Secrets by which a namespace reaches the store.
func (w *world) storeSecrets(namespace string, server *s3.Server) {
	w.t.Helper()
	authority, err := os.ReadFile(server.CAFile)
	require.NoError(w.t, err)
	for name, data := range map[string]map[string][]byte{
		configSecret: {contract.KeyRcloneConfig: []byte(server.Config(remoteName))},
		caSecret:     {caKey: authority},
	} {
		_, err := w.kube.CoreV1().Secrets(namespace).Create(w.t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data,
		}, metav1.CreateOptions{})
		require.NoError(w.t, err)
	}
}

// credentials gives a namespace other ones for the store.
func (w *world) credentials(namespace string, access s3.Access, more ...string) {
	w.t.Helper()
	config := access.Config(remoteName) + strings.Join(more, "\n") + "\n"
	w.setSecret(namespace, configSecret, map[string][]byte{contract.KeyRcloneConfig: []byte(config)})
}
