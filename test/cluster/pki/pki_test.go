package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/cluster/pki"
)

func issue(t *testing.T, a *pki.Authority, r pki.Request) *x509.Certificate {
	t.Helper()
	pair, err := a.Issue(r)
	require.NoError(t, err)
	c, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	require.NoError(t, err, "the key belongs to the certificate")
	return c.Leaf
}

func TestServerAndClientCertificates(t *testing.T) {
	a, err := pki.NewAuthority("test")
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(a.Certificate()))

	server := issue(t, a, pki.Request{CommonName: "kube-apiserver",
		Names: []string{"kubernetes.default.svc"}, Addresses: []netip.Addr{netip.MustParseAddr("198.19.0.1")}})
	for _, name := range []string{"kubernetes.default.svc", "198.19.0.1"} {
		_, err := server.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
		assert.NoError(t, err)
	}
	_, err = server.Verify(x509.VerifyOptions{Roots: roots, DNSName: "198.19.0.2"})
	assert.Error(t, err)

	client := issue(t, a, pki.Request{CommonName: "admin", Organization: []string{"system:masters"}})
	_, err = client.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	assert.NoError(t, err)
	assert.Equal(t, []string{"system:masters"}, client.Subject.Organization)
	_, err = client.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	assert.Error(t, err, "a client is not a server")
	assert.NotEqual(t, server.SerialNumber, client.SerialNumber)
}

func TestAuthoritiesAreStrangers(t *testing.T) {
	a, err := pki.NewAuthority("test")
	require.NoError(t, err)
	b, err := pki.NewAuthority("test")
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(b.Certificate()))
	_, err = issue(t, a, pki.Request{CommonName: "x"}).Verify(x509.VerifyOptions{Roots: roots})
	assert.Error(t, err)
}

func TestSigningKey(t *testing.T) {
	private, public, err := pki.SigningKey()
	require.NoError(t, err)
	block, _ := pem.Decode(private)
	key, err := x509.ParseECPrivateKey(block.Bytes)
	require.NoError(t, err)
	block, _ = pem.Decode(public)
	got, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	assert.True(t, key.PublicKey.Equal(got))
}
