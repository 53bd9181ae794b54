package boot

import (
	"net/netip"

	"github.com/backube/scribe-gen/test/cluster/pki"
)

// writeCertificates makes the cluster's certificates and the kubeconfig.
func (r renderer) writeCertificates() error {
	ca, err := pki.NewAuthority("scribe-cluster-" + r.name)
	if err != nil {
		return err
	}
	if err := r.write(r.pki("ca.crt"), ca.Certificate()); err != nil {
		return err
	}
	node := r.slot.Node().Addr()
	local := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	var admin pki.Pair
	for _, c := range []struct {
		file string
		pki.Request
		keep *pki.Pair
	}{
		{"apiserver", pki.Request{
			CommonName: "kube-apiserver",
			Names:      []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + clusterDomain, "localhost"},
			Addresses:  []netip.Addr{node, r.slot.API(), r.slot.Management().Addr(), local},
		}, nil},
		{"node", pki.Request{CommonName: r.name, Names: []string{r.name}, Addresses: []netip.Addr{node}}, nil},
		{"admin", pki.Request{CommonName: "admin", Organization: []string{"system:masters"}}, &admin},
	} {
		pair, err := ca.Issue(c.Request)
		if err != nil {
			return err
		}
		if err := r.writePair(c.file, pair); err != nil {
			return err
		}
		if c.keep != nil {
			*c.keep = pair
		}
	}
	private, public, err := pki.SigningKey()
	if err != nil {
		return err
	}
	if err := r.writePair("tokens", pki.Pair{Certificate: public, Key: private}); err != nil {
		return err
	}
	kubeconfig, err := r.renderKubeconfig(ca.Certificate(), admin.Certificate, admin.Key)
	if err != nil {
		return err
	}
	return r.write(r.kubeconfig(), kubeconfig)
}

func (r renderer) writePair(name string, p pki.Pair) error {
	if err := r.write(r.pki(name+".crt"), p.Certificate); err != nil {
		return err
	}
	return r.write(r.pki(name+".key"), p.Key)
}
