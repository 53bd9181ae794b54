// Package keys makes and rotates the SSH keys of a relationship: a pair for the
// host and a pair for the client, in two Secrets. The listener's holds the host's
// private key and the client's public key, the push one the client's private key,
// the host's public key and the address. Only the second leaves the site.
//
// A rotation makes the next pairs beside the current ones. The listener accepts
// both client keys and shows the current host key; the push Secret, once copied,
// has the next client key and pins both host keys. When the next client key has
// said hello, the current pairs are dropped. At no time does a source with either
// push Secret fail.
package keys

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/link"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

// Store is the part of a volume store that keys need.
type Store interface {
	volume.Secrets
	volume.States
}

// Request is whose keys to make.
type Request struct {
	Owner   volume.Owner
	Address string
	Port    int
	Rotate  bool
}

// Result says what was done.
type Result struct {
	// Did is "kept", "made", "rotation began" or "rotation finished".
	Did string
	// Host and Client are fingerprints of the keys that a source uses from now on.
	Host, Client string
}

// Ensure makes the keys if they are absent, finishes a rotation that can be, and
// begins one if asked. Killed at any point, it can be run again: the listener's
// Secret is written first, and the push Secret is made of it or remade.
func Ensure(ctx context.Context, s Store, req Request) (Result, error) {
	pair, err := load(ctx, s, req.Owner.Relationship)
	if err != nil {
		return Result{}, err
	}
	did := "kept"
	switch {
	case pair.incomplete():
		did = "made"
		pair, err = newPair(req.Owner.Relationship)
	case pair.rotating() && pair.nextUsed(ctx, s, req.Owner.Relationship):
		did = "rotation finished"
		pair.finish()
		fallthrough
	default:
		// A rotation whose writing was interrupted is begun anew: the next client
		// key is in no push Secret.
		if req.Rotate && !pair.rotating() || pair.rotating() && !pair.nextHeld() {
			did = "rotation began"
			err = pair.rotate(req.Owner.Relationship)
		}
	}
	if err != nil {
		return Result{}, err
	}
	if err := pair.save(ctx, s, req); err != nil {
		return Result{}, err
	}
	return pair.result(did)
}

// pair is the content of both Secrets.
type pair struct{ listener, push map[string][]byte }

func load(ctx context.Context, s Store, relationship string) (pair, error) {
	var p pair
	for name, into := range map[string]*map[string][]byte{
		contract.ListenerSecret(relationship): &p.listener,
		contract.PushSecret(relationship):     &p.push,
	} {
		data, err := s.Secret(ctx, name)
		if err != nil && !errors.Is(err, volume.ErrNotFound) {
			return p, fmt.Errorf("read Secret %s: %w", name, err)
		}
		*into = map[string][]byte{}
		for k, v := range data {
			(*into)[k] = v
		}
	}
	return p, nil
}

// incomplete reports whether a key is missing, or the two Secrets do not belong
// together because their writing was interrupted.
func (p pair) incomplete() bool {
	for _, key := range []string{contract.KeyHost, contract.KeyClientPub} {
		if len(p.listener[key]) == 0 {
			return true
		}
	}
	client, err := link.PublicOf(p.push[contract.KeyClient])
	if err != nil {
		return true
	}
	return !sameKey(client, p.listener[contract.KeyClientPub]) && !sameKey(client, p.listener[contract.KeyClientPubNext])
}

func newPair(relationship string) (pair, error) {
	host, client, err := newKeys(relationship)
	return pair{
		listener: map[string][]byte{contract.KeyHost: host.Private, contract.KeyClientPub: client.Public},
		push:     map[string][]byte{contract.KeyClient: client.Private, contract.KeyHostPub: host.Public},
	}, err
}

func newKeys(relationship string) (host, client link.KeyPair, err error) {
	if host, err = link.NewKeyPair("scribe-host@" + relationship); err != nil {
		return host, client, err
	}
	client, err = link.NewKeyPair("scribe-client@" + relationship)
	return host, client, err
}

func (p pair) rotating() bool { return len(p.listener[contract.KeyHostNext]) > 0 }

// rotate makes the next keys.
func (p pair) rotate(relationship string) error {
	host, client, err := newKeys(relationship)
	if err != nil {
		return err
	}
	current, err := link.PublicOf(p.listener[contract.KeyHost])
	if err != nil {
		return err
	}
	p.listener[contract.KeyHostNext], p.listener[contract.KeyClientPubNext] = host.Private, client.Public
	p.push[contract.KeyClient] = client.Private
	p.push[contract.KeyHostPub] = append(bytes.Clone(current), host.Public...)
	return nil
}

// nextHeld reports whether the push Secret has the next client key.
func (p pair) nextHeld() bool {
	client, err := link.PublicOf(p.push[contract.KeyClient])
	return err == nil && sameKey(client, p.listener[contract.KeyClientPubNext])
}

// nextUsed reports whether the source has said hello with the next client key.
func (p pair) nextUsed(ctx context.Context, s volume.States, relationship string) bool {
	state, _, err := s.Load(ctx, relationship)
	if err != nil {
		return false // then the rotation is finished at the next run
	}
	next, err := link.ParsePublic(p.listener[contract.KeyClientPubNext])
	return err == nil && state.ClientKey == link.Fingerprint(next[0])
}

// finish makes the next keys the current ones.
func (p pair) finish() {
	p.listener[contract.KeyHost] = p.listener[contract.KeyHostNext]
	p.listener[contract.KeyClientPub] = p.listener[contract.KeyClientPubNext]
	delete(p.listener, contract.KeyHostNext)
	delete(p.listener, contract.KeyClientPubNext)
	if public, err := link.PublicOf(p.listener[contract.KeyHost]); err == nil {
		p.push[contract.KeyHostPub] = public
	}
}

func (p pair) save(ctx context.Context, s Store, req Request) error {
	if req.Address != "" {
		p.push[contract.KeyAddress] = []byte(req.Address)
	}
	port := req.Port
	if port == 0 {
		port = contract.DefaultListenPort
	}
	p.push[contract.KeyPort] = []byte(strconv.Itoa(port))
	for _, secret := range []struct {
		name string
		data map[string][]byte
	}{
		{contract.ListenerSecret(req.Owner.Relationship), p.listener},
		{contract.PushSecret(req.Owner.Relationship), p.push},
	} {
		if err := s.PutSecret(ctx, secret.name, req.Owner, secret.data); err != nil {
			return fmt.Errorf("write Secret %s: %w", secret.name, err)
		}
	}
	return nil
}

func (p pair) result(did string) (Result, error) {
	r := Result{Did: did}
	client, err := link.PublicOf(p.push[contract.KeyClient])
	if err != nil {
		return r, err
	}
	for _, k := range []struct {
		public []byte
		into   *string
	}{{client, &r.Client}, {p.push[contract.KeyHostPub], &r.Host}} {
		keys, err := link.ParsePublic(k.public)
		if err != nil {
			return r, err
		}
		*k.into = link.Fingerprint(keys[len(keys)-1])
	}
	return r, nil
}

func sameKey(a, b []byte) bool {
	one, err := link.ParsePublic(a)
	if err != nil {
		return false
	}
	two, err := link.ParsePublic(b)
	return err == nil && bytes.Equal(one[0].Marshal(), two[0].Marshal())
}
