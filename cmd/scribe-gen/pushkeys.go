package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
	"github.com/backube/scribe-gen/templates/remote"
)

// carrier brings the Secret that a source pushes with from the destination.
type carrier struct {
	io       streams
	from, to end
	// wait is how long the destination may take to make the keys and to get an
	// address; 0 for not at all, remote.UntilEnd for as long as it takes.
	wait time.Duration
	// force takes over fields that another field manager set.
	force bool
}

// carried says what was brought.
type carried struct {
	Relationship string `json:"relationship"`
	// Site is the source's, Secret where it has the keys: NAMESPACE/NAME, or a
	// directory.
	Site   string `json:"site"`
	Secret string `json:"secret"`
	// Result is created, changed or unchanged; in place where both ends share it.
	Result string `json:"result"`
	// Address and Port are where the source will connect.
	Address string `json:"address,omitempty"`
	Port    string `json:"port,omitempty"`
	// Client and Host are fingerprints: of the key that the source shows, and of
	// those that it accepts.
	Client string   `json:"client,omitempty"`
	Host   []string `json:"host,omitempty"`
}

// carry brings the Secret.
func (c carrier) carry(ctx context.Context) (carried, error) {
	name := contract.PushSecret(c.to.Relationship.Name)
	data, err := c.read(ctx, name)
	if err != nil {
		return carried{}, err
	}
	what := carried{Relationship: c.to.Relationship.Name, Site: c.to.Site.Name, Secret: c.place(name), Result: "in place"}
	if !c.shared() {
		if data[contract.KeyAddress], err = c.address(ctx, data); err != nil {
			return carried{}, err
		}
		if what.Result, err = c.write(ctx, name, data); err != nil {
			return carried{}, err
		}
	}
	what.Address, what.Port = text(data[contract.KeyAddress]), text(data[contract.KeyPort])
	if what.Client, err = privateFingerprint(data[contract.KeyClient]); err != nil {
		return carried{}, fmt.Errorf("key %s of Secret %s: %w", contract.KeyClient, name, err)
	}
	if what.Host, err = fingerprintsOf(data[contract.KeyHostPub]); err != nil {
		return carried{}, fmt.Errorf("key %s of Secret %s: %w", contract.KeyHostPub, name, err)
	}
	return what, nil
}

// place is where the source has the Secret.
func (c carrier) place(name string) string {
	if c.to.isLocal() {
		return c.to.Layout().Secret(name)
	}
	return c.to.session.Namespace + "/" + name
}

func text(b []byte) string { return strings.TrimSpace(string(b)) }

// shared reports whether both ends have the Secret in one place.
func (c carrier) shared() bool {
	if c.from.isLocal() || c.to.isLocal() {
		return c.from.isLocal() && c.to.isLocal() && c.from.Site.Directory == c.to.Site.Directory
	}
	return c.from.session.SameNamespace(c.to.session)
}

// errNoKeys is a destination that has made no keys.
var errNoKeys = errors.New("has no keys for the relationship yet")

// complete reports what a push Secret lacks.
func complete(data map[string][]byte) error {
	if len(data) == 0 {
		return errNoKeys
	}
	var missing []string
	for _, key := range []string{contract.KeyClient, contract.KeyHostPub, contract.KeyAddress, contract.KeyPort} {
		if text(data[key]) == "" {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("lacks the keys %s", strings.Join(missing, ", "))
	}
	return nil
}

func (c carrier) read(ctx context.Context, name string) (map[string][]byte, error) {
	var data map[string][]byte
	var err error
	if c.from.isLocal() {
		data, err = local.ReadSecret(c.from.Part, name)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("site %s: Secret %s: %w", c.from.Site.Name, name, errNoKeys)
		}
		if err == nil {
			err = complete(data)
		}
	} else {
		data, err = c.from.session.AwaitSecret(ctx, c.wait, name, complete)
	}
	if errors.Is(err, errNoKeys) && c.wait != remote.UntilEnd {
		hint := "`scribe-gen keys` makes them"
		if !c.from.isLocal() {
			hint += "; so does the destination's first run, which --wait waits for"
		}
		return nil, hintedError{err, hint}
	}
	return data, err
}

// address is where the source connects: what the spec says, else what the load
// balancer got, else what the destination wrote.
func (c carrier) address(ctx context.Context, data map[string][]byte) ([]byte, error) {
	if c.from.spec.Address != "" {
		return []byte(c.from.spec.Address), nil
	}
	listener := c.from.Relationship.Listener
	if !c.from.isLocal() && listener != nil && listener.Type == corev1.ServiceTypeLoadBalancer {
		address, err := c.from.session.AwaitLoadBalancer(ctx, 0, listener.Service)
		if errors.Is(err, remote.ErrNoIngress) && c.wait != 0 {
			c.io.note("%s: waiting for the address of Service %s", c.from.Site.Name, listener.Service)
			address, err = c.from.session.AwaitLoadBalancer(ctx, c.wait, listener.Service)
		} else if errors.Is(err, remote.ErrNoIngress) {
			err = hintedError{err, "--wait waits for it; spec.sites." + c.from.Site.Name + ".address names one"}
		}
		return []byte(address), err
	}
	c.warn(text(data[contract.KeyAddress]))
	return data[contract.KeyAddress], nil
}

// warn says that an address will not lead from one site to the other.
func (c carrier) warn(address string) {
	site := c.from.Site.Name
	switch ip := net.ParseIP(address); {
	case c.from.isLocal() && !c.to.isLocal() && (address == "localhost" || ip != nil && ip.IsLoopback()):
		c.io.note("warning: site %s has no address: from a pod, %s leads to the pod itself; set spec.sites.%s.address", site, address, site)
	case c.from.isLocal():
	case c.to.isLocal():
		c.io.note("warning: site %s has no address: %s leads nowhere outside its cluster; set spec.sites.%s.address", site, address, site)
	case c.from.session.Host != c.to.session.Host:
		c.io.note("warning: site %s has no address: %s leads nowhere from another cluster, unless the two share names; set spec.sites.%s.address", site, address, site)
	}
}

func (c carrier) write(ctx context.Context, name string, data map[string][]byte) (string, error) {
	if c.to.isLocal() {
		return string(remote.Changed), local.WriteSecret(c.to.Part, name, data)
	}
	labels := remote.Labels(c.to.replication, c.to.Relationship.Name)
	done, err := c.to.session.PutSecret(ctx, name, data, labels, c.force)
	return string(done), err
}

// privateFingerprint is that of the public half of a private key.
func privateFingerprint(key []byte) (string, error) {
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return "", fmt.Errorf("read a private key: %w", err)
	}
	return ssh.FingerprintSHA256(signer.PublicKey()), nil
}
