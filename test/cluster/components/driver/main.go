// Command driver is a CSI driver for tests: volumes, clones and snapshots below
// one directory of one node, and faults on demand. It is no storage for data that
// anybody wants to keep. README.md says how to start it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	cfg, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "driver:", err)
		os.Exit(2)
	}
	if err := run(ctx, cfg, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		fmt.Fprintln(os.Stderr, "driver:", err)
		os.Exit(1)
	}
}

// config is the command line.
type config struct {
	name, socket, registrationDir, root, node string
	backing                                   string
	plain                                     bool
}

func parse(args []string, usage io.Writer) (config, error) {
	var c config
	fs := flag.NewFlagSet("driver", flag.ContinueOnError)
	fs.SetOutput(usage)
	fs.StringVar(&c.name, "name", "csi.scribe.test", "`name` of the driver, as StorageClasses give it")
	fs.StringVar(&c.socket, "socket", "", "`path` of the socket for the kubelet and the sidecars")
	fs.StringVar(&c.registrationDir, "registration-dir", "", "the kubelet's plugins_registry `directory`; empty: no registration")
	fs.StringVar(&c.root, "root", "", "`directory` of all volumes and snapshots, on btrfs")
	fs.StringVar(&c.node, "node", "", "`name` of this Kubernetes node")
	fs.BoolVar(&c.plain, "plain", false, "neither clones nor snapshots")
	fs.StringVar(&c.backing, "backing", "btrfs", "what holds volumes: btrfs, or dir for plain directories on any file system")
	if err := fs.Parse(args); err != nil {
		return config{}, err
	}
	if fs.NArg() > 0 {
		return config{}, fmt.Errorf("unexpected argument %q: all settings are flags", fs.Arg(0))
	}
	for _, name := range []string{"name", "socket", "root", "node"} {
		if fs.Lookup(name).Value.String() == "" {
			return config{}, fmt.Errorf("--%s is missing", name)
		}
	}
	return c, c.absolute()
}

// absolute makes the paths independent of the directory that the driver was
// started in: the kubelet has another.
func (c *config) absolute() error {
	for _, path := range []*string{&c.socket, &c.registrationDir, &c.root} {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = abs
	}
	return nil
}
