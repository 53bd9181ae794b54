package mover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/backube/scribe-gen/test/bench/internal/link"
)

// peer is a mover that runs rsync over OpenSSH.
type peer struct {
	name string
	// command builds the rsync command of one transfer to the server at port.
	command func(ctx context.Context, s *sshd, port int, source, destination string) *exec.Cmd
	// after runs when the transfer has been measured; may be nil.
	after func(ctx context.Context, s *sshd, port int) error

	dir    string
	ends   ends
	server *sshd
}

// NewVolSync returns VolSync's rsync-ssh mover: its rsync command line and
// ssh_config, over OpenSSH with its default cipher. It keeps its files in dir.
func NewVolSync(dir string) Contender {
	return &peer{name: "VolSync", dir: dir, command: volsyncCommand, after: volsyncHangUp}
}

// volsyncSSH is the ssh_config of VolSync's mover image, and what it finds in
// root's ~/.ssh.
const volsyncSSH = `Host *
ConnectTimeout 30
ControlMaster auto
ControlPath %[1]s/control-%%C
ControlPersist 5
CheckHostIP no
ServerAliveInterval 30
ServerAliveCountMax 4
StrictHostKeyChecking yes
TCPKeepAlive no
IdentityFile %[1]s/client
IdentitiesOnly yes
UserKnownHostsFile %[1]s/known_hosts
`

// volsyncShell is the remote shell: given in the environment, so that rsync's
// command line stays VolSync's own.
func volsyncShell(s *sshd, port int) string {
	return fmt.Sprintf("ssh -F %s -p %d", filepath.Join(s.dir, "ssh_config"), port)
}

func volsyncCommand(ctx context.Context, s *sshd, port int, source, destination string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "rsync", "-aAhHSxz", "--delete", "--itemize-changes", "--info=stats2,misc2",
		source+"/", s.user+"@127.0.0.1:"+destination)
	cmd.Env = append(os.Environ(), "RSYNC_RSH="+volsyncShell(s, port))
	return cmd
}

// volsyncHangUp ends the shared connection, which would else live for another five
// seconds and spare the next transfer its handshake.
func volsyncHangUp(ctx context.Context, s *sshd, port int) error {
	return exec.CommandContext(ctx, "ssh", "-F", filepath.Join(s.dir, "ssh_config"), "-p", strconv.Itoa(port),
		"-O", "exit", s.user+"@127.0.0.1").Run()
}

// NewPVMigrate returns pv-migrate's rsync strategy with --delete-extraneous-files:
// its rsync command line and ssh options, over OpenSSH with its default cipher. It
// keeps its files in dir.
func NewPVMigrate(dir string) Contender {
	return &peer{name: "pv-migrate", dir: dir, command: pvMigrateCommand}
}

func pvMigrateCommand(ctx context.Context, s *sshd, port int, source, destination string) *exec.Cmd {
	// -F and -i stand for an empty ~/.ssh/config and the key at its default place.
	shell := fmt.Sprintf("ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5"+
		" -o ServerAliveInterval=10 -o ServerAliveCountMax=3 -p %d -F none -i %s", port, s.client)
	return exec.CommandContext(ctx, "rsync", "-av", "--info=progress2,misc0,flist0", "--no-inc-recursive",
		"-e", shell, "-z", "--delete", source+"/", s.user+"@127.0.0.1:"+destination)
}

func (p *peer) Name() string { return p.name }

func (p *peer) Prepare(ctx context.Context) error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return err
	}
	config := fmt.Sprintf(volsyncSSH, p.dir)
	if err := os.WriteFile(filepath.Join(p.dir, "ssh_config"), []byte(config), 0o600); err != nil {
		return err
	}
	var err error
	if p.ends, err = newEnds(filepath.Base(p.dir)); err != nil {
		return err
	}
	p.server, err = startSSHD(ctx, p.ends.destination, p.dir)
	return err
}

// Sync runs rsync and then flushes the destination's file system, as VolSync's
// destination does. pv-migrate does not; it is done for it too, so that every
// contender ends with the same promise.
func (p *peer) Sync(ctx context.Context, job Job) (_ Measurement, err error) {
	route, err := job.Link.Open(p.server.addr)
	if err != nil {
		return Measurement{}, err
	}
	defer func() { err = errors.Join(err, route.Close()) }()
	m, err := p.ends.begin(route)
	if err != nil {
		return Measurement{}, err
	}
	if err := p.transfer(ctx, m, route, job); err != nil {
		return Measurement{}, fmt.Errorf("%s: %w", p.name, err)
	}
	return m.end()
}

func (p *peer) transfer(ctx context.Context, m *measuring, route link.Route, job Job) error {
	port, err := port(route.Addr())
	if err != nil {
		return err
	}
	err = m.time(func() error {
		if err := run(p.ends.source, p.command(ctx, p.server, port, job.Source, job.Destination)); err != nil {
			return err
		}
		return run(p.ends.destination, exec.CommandContext(ctx, "sync", "-f", job.Destination))
	})
	if err == nil && p.after != nil {
		err = p.after(ctx, p.server, port)
	}
	return err
}

func (p *peer) Close() error { return p.ends.close() }
