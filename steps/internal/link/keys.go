package link

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// KeyPair is a new key: the private half in OpenSSH's format, the public half as
// a line of authorized_keys.
type KeyPair struct{ Private, Public []byte }

// NewKeyPair makes an ed25519 key. The comment stands in both halves.
func NewKeyPair(comment string) (KeyPair, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return KeyPair{}, fmt.Errorf("generate an ed25519 key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return KeyPair{}, fmt.Errorf("encode an ed25519 key: %w", err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		return KeyPair{}, fmt.Errorf("encode an ed25519 key: %w", err)
	}
	authorized := ssh.MarshalAuthorizedKey(line)
	authorized = append(authorized[:len(authorized)-1], " "+comment+"\n"...)
	return KeyPair{Private: pem.EncodeToMemory(block), Public: authorized}, nil
}

// PublicOf returns the public line of a private key.
func PublicOf(private []byte) ([]byte, error) {
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("read a private key: %w", err)
	}
	return ssh.MarshalAuthorizedKey(signer.PublicKey()), nil
}

// ParsePublic reads the keys of some lines of authorized_keys.
func ParsePublic(lines []byte) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	for rest := lines; len(rest) > 0; {
		key, _, _, next, err := ssh.ParseAuthorizedKey(rest)
		if err != nil {
			if len(keys) > 0 { // only comments or blank lines are left
				break
			}
			return nil, fmt.Errorf("read a public key: %w", err)
		}
		keys, rest = append(keys, key), next
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("read a public key: there is none")
	}
	return keys, nil
}

// Fingerprint names a public key as OpenSSH does: SHA256:….
func Fingerprint(key ssh.PublicKey) string { return ssh.FingerprintSHA256(key) }

// contains reports whether key is one of keys.
func contains(keys []ssh.PublicKey, key ssh.PublicKey) bool {
	wire := string(key.Marshal())
	for _, k := range keys {
		if string(k.Marshal()) == wire {
			return true
		}
	}
	return false
}
