package rsyncstep

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/commit"
	"github.com/backube/scribe-gen/steps/internal/confine"
	"github.com/backube/scribe-gen/steps/internal/link"
	"github.com/backube/scribe-gen/steps/internal/listener"
	"github.com/backube/scribe-gen/steps/internal/rsync"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
)

const (
	defaultWindow = time.Hour
	// defaultGrace is how long a push that lost the answer to its commit finds
	// the listener still there. Later it finds the record, at the next listener.
	defaultGrace = 10 * time.Second
)

// Opener opens the store of a site.
type Opener func(contract.Site, *slog.Logger) (volume.Store, error)

// Listen is the verb that receives a run, into the store that open returns.
func Listen(open Opener) step.Verb {
	args := &contract.RsyncListen{}
	return step.Verb{
		Command: args,
		Short:   "Receive one run into the replica and cut the replica snapshot",
		Long: `Receive one run into the replica over SSH, and commit it.

The listener accepts the relationship's client key, two while keys rotate, and
these commands: scribe hello, survey, lane, commit, done and abort, and rsync --server as
a receiver of the replica. There is no shell, terminal or forwarding. It ends after
a commit; when its window closes without one it succeeds and says so.`,
		Example: `  rsync listen --relationship=wikidata-secondary --claim=wikidata --root=/data \
    --keys=/etc/scribe/keys --window=1h`,
		Run: func(ctx context.Context, env *step.Env) (contract.Outcome, error) {
			return listen(ctx, env, args, open)
		},
	}
}

func listen(ctx context.Context, env *step.Env, args *contract.RsyncListen, open Opener) (contract.Outcome, error) {
	if err := step.Require("relationship", args.Relationship, "claim", args.Claim, "root", args.Root, "keys", args.Keys); err != nil {
		return contract.Outcome{}, err
	}
	store, err := open(args.Site, env.Log)
	if err != nil {
		return contract.Outcome{}, err
	}
	receiver, err := receiver(args.Root, args.Rsync)
	if err != nil {
		return contract.Outcome{}, err
	}
	cfg := listener.Config{
		Committer: &commit.Committer{
			Store: store, Replication: args.Replication, Relationship: args.Relationship, Replica: args.Replica, Log: env.Log,
		},
		Keys:     func() (link.Keys, error) { return listenerKeys(args.Keys) },
		KeyUsed:  func(ctx context.Context, key string) { keyUsed(ctx, env, store, args.Relationship, key) },
		Listen:   cmp.Or(args.Listen, fmt.Sprintf(":%d", contract.DefaultListenPort)),
		Bound:    func(a net.Addr) error { return bound(args.PortFile, a) },
		Window:   cmp.Or(args.Window, defaultWindow),
		Grace:    cmp.Or(args.Grace, defaultGrace),
		Receiver: receiver,
		Log:      env.Log,
	}
	return listener.Run(ctx, cfg)
}

// receiver is the command line of a confined rsync.
func receiver(root, program string) ([]string, error) {
	path, err := rsync.Find(program)
	if err != nil {
		return nil, step.Usage("%w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if root, err = filepath.Abs(root); err != nil {
		return nil, err
	}
	return confine.Args(self, root, path), nil
}

// listenerKeys reads the mounted Secret; the next client key may or may not be
// there.
func listenerKeys(dir string) (link.Keys, error) {
	read := func(key string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, key))
		if err != nil {
			return nil
		}
		return b
	}
	k := link.Keys{
		Host:    read(contract.KeyHost),
		Clients: slices.Concat(read(contract.KeyClientPub), []byte("\n"), read(contract.KeyClientPubNext)),
	}
	if len(k.Host) == 0 || len(k.Clients) == 1 {
		return k, fmt.Errorf("read the listener's keys: %s lacks %s or %s: run the keys step", dir, contract.KeyHost, contract.KeyClientPub)
	}
	return k, nil
}

// keyUsed records which client key is in use, which ends a rotation.
func keyUsed(ctx context.Context, env *step.Env, store volume.States, relationship, key string) {
	state, _, err := store.Load(ctx, relationship)
	if err == nil && state.ClientKey == key {
		return
	}
	_, err = volume.Update(ctx, store, relationship, func(s *contract.State) error {
		s.ClientKey = key
		return nil
	})
	if err != nil {
		env.Log.Warn("the use of the client key could not be recorded", "key", key, "error", err.Error())
	}
}

func bound(file string, address net.Addr) error {
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return err
	}
	return step.WriteFile(file, []byte(port))
}
