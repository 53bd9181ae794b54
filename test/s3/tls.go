package s3

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/backube/scribe-gen/test/cluster/pki"
)

// The files of a server with TLS, below its directory. MinIO wants exactly
// these two names in a directory.
const (
	caFile          = "ca.crt"
	certificateFile = "tls/public.crt"
	keyFile         = "tls/private.key"
)

// certify makes an authority for this server and a certificate of it, good for
// names and for loopback.
func (s *Server) certify(names []string) (err error) {
	if s.authority, err = pki.NewAuthority("scribe test S3"); err != nil {
		return err
	}
	pair, err := issue(s.authority, names)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(s.Directory, filepath.Dir(keyFile)), 0o700); err != nil {
		return err
	}
	files := map[string][]byte{
		caFile:          s.authority.Certificate(),
		certificateFile: pair.Certificate,
		keyFile:         pair.Key,
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(s.Directory, name), content, 0o600); err != nil {
			return err
		}
	}
	s.CAFile = filepath.Join(s.Directory, caFile)
	return nil
}

// issue makes a certificate for DNS names and IP addresses, and for loopback.
func issue(authority *pki.Authority, names []string) (pki.Pair, error) {
	request := pki.Request{CommonName: "scribe test S3"}
	seen := map[string]bool{"": true} // an address without host is every host
	for _, name := range slices.Concat(names, []string{"localhost", "127.0.0.1"}) {
		if seen[name] {
			continue
		}
		seen[name] = true
		if ip, err := netip.ParseAddr(name); err == nil {
			request.Addresses = append(request.Addresses, ip)
		} else {
			request.Names = append(request.Names, name)
		}
	}
	pair, err := authority.Issue(request)
	if err != nil {
		return pair, fmt.Errorf("certificate for %q: %w", names, err)
	}
	return pair, nil
}
