package push

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/link"
)

// Place is where the keys are and whom to reach, as it is handed to the remote
// shell that rsync starts: file names, never keys.
type Place struct {
	Keys    string `json:"keys"`
	Address string `json:"address,omitempty"`
	Port    int    `json:"port,omitempty"`
	User    string `json:"user,omitempty"`
}

// Target reads the keys. The directory is that of the push Secret.
func (p Place) Target() (link.Target, error) {
	t := link.Target{User: p.User}
	var err error
	if t.Client, err = p.read(contract.KeyClient); err != nil {
		return t, err
	}
	if t.HostKeys, err = p.read(contract.KeyHostPub); err != nil {
		return t, err
	}
	address, port := p.Address, strconv.Itoa(p.Port)
	if address == "" {
		if address, err = p.text(contract.KeyAddress); err != nil {
			return t, err
		}
	}
	if p.Port == 0 {
		port, err = p.text(contract.KeyPort)
		if errors.Is(err, fs.ErrNotExist) {
			port, err = strconv.Itoa(contract.DefaultListenPort), nil
		}
	}
	t.Address = net.JoinHostPort(address, port)
	return t, err
}

func (p Place) read(key string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(p.Keys, key))
	if err != nil {
		return nil, fmt.Errorf("read the push keys (made by the destination, copied by scribe-gen connect): %w", err)
	}
	return b, nil
}

func (p Place) text(key string) (string, error) {
	b, err := p.read(key)
	return strings.TrimSpace(string(b)), err
}
