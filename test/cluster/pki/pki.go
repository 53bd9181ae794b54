// Package pki issues the certificates of a test cluster from a certificate
// authority that exists only while the cluster is made: nothing can be issued
// afterwards, since the authority's key is never written.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Lifetime of every certificate. A test cluster is younger, and clocks of one
// machine agree but may be set back by an hour.
const (
	Lifetime = 365 * 24 * time.Hour
	backdate = time.Hour
)

// Authority is a certificate authority.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes an authority with a new key.
func NewAuthority(commonName string) (*Authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := newTemplate(pkix.Name{CommonName: commonName})
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make certificate authority %s: %w", commonName, err)
	}
	certificate, err := x509.ParseCertificate(raw)
	return &Authority{certificate, key}, err
}

// Certificate returns the authority's own certificate as PEM.
func (a *Authority) Certificate() []byte { return encode("CERTIFICATE", a.certificate.Raw) }

// Request says whom a certificate is for.
type Request struct {
	// CommonName is the user name, Organization the groups, when Kubernetes
	// authenticates a client.
	CommonName   string
	Organization []string
	// Names and Addresses are what a server may be called; with none of both the
	// certificate is good for clients only.
	Names     []string
	Addresses []netip.Addr
}

// Pair is a certificate and its private key as PEM.
type Pair struct{ Certificate, Key []byte }

// Issue makes a key and a certificate, good for clients and, with names, for
// servers.
func (a *Authority) Issue(r Request) (Pair, error) {
	key, err := newKey()
	if err != nil {
		return Pair{}, err
	}
	template := newTemplate(pkix.Name{CommonName: r.CommonName, Organization: r.Organization})
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(r.Names)+len(r.Addresses) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	template.DNSNames = r.Names
	for _, ip := range r.Addresses {
		template.IPAddresses = append(template.IPAddresses, net.IP(ip.AsSlice()))
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("issue certificate for %s: %w", r.CommonName, err)
	}
	private, err := encodeKey(key)
	return Pair{Certificate: encode("CERTIFICATE", raw), Key: private}, err
}

// SigningKey makes a key pair as PEM, with which the API server signs and checks
// tokens of ServiceAccounts.
func SigningKey() (private, public []byte, err error) {
	key, err := newKey()
	if err != nil {
		return nil, nil, err
	}
	if private, err = encodeKey(key); err != nil {
		return nil, nil, err
	}
	raw, err := x509.MarshalPKIXPublicKey(key.Public())
	return private, encode("PUBLIC KEY", raw), err
}

// encodeKey returns a private key as PEM.
func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return encode("EC PRIVATE KEY", raw), nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make private key: %w", err)
	}
	return key, nil
}

func newTemplate(subject pkix.Name) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{ // without a serial number it gets a random one
		Subject:   subject,
		NotBefore: now.Add(-backdate),
		NotAfter:  now.Add(Lifetime),
	}
}

func encode(kind string, raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
}
