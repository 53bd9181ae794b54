// Package link is SSH as push and listen use it: ed25519 keys on both sides,
// each side pinning the other's, commands in exec requests, and nothing else. It
// knows nothing of what the commands mean.
//
// Both sides are ordinary SSH (golang.org/x/crypto/ssh), so that OpenSSH can
// stand on either end.
package link

import (
	"time"

	"golang.org/x/crypto/ssh"
)

// ciphers are offered in this order. AES-GCM first: with the instructions that
// every server processor has, it costs a third of ChaCha20-Poly1305, which is
// there for those that have not.
var ciphers = []string{
	ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherChaCha20Poly1305,
	ssh.CipherAES128CTR, ssh.CipherAES256CTR,
}

// rekeyAfter is how many bytes one key encrypts. AES-GCM is safe far beyond it;
// more often would only stall the stream.
const rekeyAfter = 1 << 36

func config() ssh.Config {
	return ssh.Config{Ciphers: ciphers, RekeyThreshold: rekeyAfter}
}

const (
	// User is the name that clients log in with. Any is accepted: the key decides.
	User = "scribe"
	// keepAlive is how often a side asks whether the other is still there, and
	// keepAliveMissed after how many unanswered questions it is not. Load
	// balancers drop idle connections after minutes, and a node that dies sends
	// nothing.
	keepAlive       = 20 * time.Second
	keepAliveMissed = 3
	// handshakeTimeout bounds the time to an authenticated connection.
	handshakeTimeout = 30 * time.Second
)
