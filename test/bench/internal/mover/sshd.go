package mover

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/backube/scribe-gen/test/bench/internal/meter"
)

// sshd is a private OpenSSH server on a loopback port, with keys of its own. It
// lets one key in, for one command: rsync as a server.
type sshd struct {
	// dir holds its files: client is the client's private key, known the
	// known_hosts that pins the server, whatever address it is reached at.
	dir, client, known string
	// addr is "127.0.0.1:port", user who to log in as.
	addr, user string
}

const sshdConfig = `ListenAddress %s
HostKey %s/host
AuthorizedKeysFile %s/authorized_keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
UseDNS no
`

// startSSHD writes the server's files to dir, starts it in group and waits until
// it listens. It ends with the group.
func startSSHD(ctx context.Context, group *meter.Group, dir string) (*sshd, error) {
	who, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("find who runs the OpenSSH server: %w", err)
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	s := &sshd{
		dir:    dir,
		client: filepath.Join(dir, "client"),
		known:  filepath.Join(dir, "known_hosts"),
		addr:   addr,
		user:   who.Username,
	}
	if err := s.write(ctx); err != nil {
		return nil, fmt.Errorf("set up a private OpenSSH server in %s: %w", dir, err)
	}
	if err := s.start(ctx, group); err != nil {
		return nil, fmt.Errorf("start a private OpenSSH server at %s: %w", addr, err)
	}
	return s, nil
}

// freeAddr finds a loopback port that nothing listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func (s *sshd) write(ctx context.Context) error {
	for _, name := range []string{"host", "client"} {
		cmd := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", filepath.Join(s.dir, name))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("make the %s key: %w: %s", name, err, out)
		}
	}
	client, err := os.ReadFile(s.client + ".pub")
	if err != nil {
		return err
	}
	host, err := os.ReadFile(filepath.Join(s.dir, "host.pub"))
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return err
	}
	// What VolSync's rrsync does, without its Python start-up time.
	const command = `case $SSH_ORIGINAL_COMMAND in 'rsync --server '*) eval exec $SSH_ORIGINAL_COMMAND ;; *) exit 1 ;; esac`
	files := map[string]string{
		"config":          fmt.Sprintf(sshdConfig, s.addr, s.dir, s.dir) + "Port " + port + "\n",
		"authorized_keys": `restrict,command="` + command + `" ` + string(client),
		"known_hosts":     "* " + string(host),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// separation is the directory that Debian's sshd run by root insists on. It is
// left in place: other servers may have come to use it.
const separation = "/run/sshd"

func (s *sshd) start(ctx context.Context, group *meter.Group) error {
	program, err := exec.LookPath("/usr/sbin/sshd") // sshd re-executes itself: it needs an absolute path
	if err != nil {
		return fmt.Errorf("%w; install openssh-server", err)
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll(separation, 0o755); err != nil {
			return err
		}
	}
	log, input, err := os.Pipe()
	if err != nil {
		return err
	}
	defer input.Close()
	cmd := exec.CommandContext(ctx, program, "-D", "-e", "-f", filepath.Join(s.dir, "config"))
	cmd.Stderr = input
	if err := group.Start(cmd); err != nil {
		log.Close()
		return err
	}
	input.Close()
	listening := make(chan error, 1)
	go func() {
		defer log.Close()
		defer cmd.Wait()
		listening <- awaitListening(log)
		io.Copy(io.Discard, log) // sshd would block on a full pipe
	}()
	return <-listening
}

// awaitListening reads the server's log until it says that it listens.
func awaitListening(log io.Reader) error {
	var lines []string
	for s := bufio.NewScanner(log); s.Scan(); lines = append(lines, s.Text()) {
		if strings.HasPrefix(s.Text(), "Server listening on") {
			return nil
		}
	}
	return fmt.Errorf("it ended: %s", strings.Join(lines, "; "))
}

// port returns the port of "host:port".
func port(addr string) (int, error) {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(p)
}
