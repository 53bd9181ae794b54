package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/local"
)

func newKeysCommand(io streams) *cobra.Command {
	var s selection
	var rotate bool
	output := formatText
	c := newConsole(io)
	cmd := &cobra.Command{
		Use:   "keys -f SPEC...",
		Short: "Make or rotate the SSH keys of replications",
		Long: `Makes the SSH keys of each relationship at its destination, if they are absent, and
prints where they are and their fingerprints: the Secret of the listener, which
stays at the destination, and the Secret that the source pushes with, which
` + "`scribe-gen connect`" + ` copies to the source.

--rotate makes the next keys. The listener accepts the old ones too until a source
has connected with the next ones, so that no run is lost in between.

At a Kubernetes site the keys step of the destination's pipeline runs alone; the
site's bundle must be applied. It does not wait for a listener that is open.`,
		Example: `  scribe-gen keys -f examples/local/replication.yaml
  scribe-gen keys -f replication.yaml --rotate && scribe-gen connect -f replication.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.makeKeys(cmd.Context(), io, c, rotate, output)
		},
	}
	s.addFlags(cmd)
	s.addStepsFlag(cmd)
	c.addFlags(cmd)
	cmd.Flags().BoolVar(&rotate, "rotate", false, "make the next keys")
	addChoiceFlag(cmd, &output, "output", "o", "text or json", formatText, formatJSON)
	return cmd
}

// keyFile is one public key of a relationship.
type keyFile struct {
	Relationship string `json:"relationship"`
	// Use is host or client; "next" ones exist while keys rotate.
	Use         string `json:"use"`
	Fingerprint string `json:"fingerprint"`
	// File is a path; of a Kubernetes site NAMESPACE/SECRET KEY.
	File string `json:"file"`
}

func (s *selection) makeKeys(ctx context.Context, io streams, c *console, rotate bool, output string) error {
	targets, err := s.targets(io)
	if err != nil {
		return err
	}
	found := []keyFile{}
	for _, t := range targets {
		if t.throughStore() {
			noteKeyless(io, t)
			continue
		}
		ends, err := s.reach(io, t, "", contract.RoleDestination)
		if err != nil {
			return err
		}
		if len(ends) == 0 {
			io.note("%s: needs no keys, as both its ends are at one site", t.relationship)
			continue
		}
		make := s.makeKeysHere
		if !ends[0].isLocal() {
			make = s.makeKeysThere
		}
		keys, err := make(ctx, c, ends[0], rotate)
		if err != nil {
			return exitError{err}
		}
		found = append(found, keys...)
	}
	if output == formatJSON {
		return printJSON(io.out, found)
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RELATIONSHIP\tKEY\tFINGERPRINT\tFILE")
	for _, k := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Relationship, k.Use, k.Fingerprint, k.File)
	}
	return w.Flush()
}

// noteKeyless says what a relationship through an object store has instead of keys.
func noteKeyless(io streams, t target) {
	io.note("%s: needs no keys, as it goes through an object store: each site needs the Secret %s with its rclone.conf",
		t.relationship, t.document.Replication.Spec.Rclone.ConfigSecret)
}

// makeKeysHere makes the keys of a directory site.
func (s *selection) makeKeysHere(ctx context.Context, c *console, e end, rotate bool) ([]keyFile, error) {
	engine, stop, err := s.engine(c)
	if err != nil {
		return nil, err
	}
	defer stop()
	part := keysPart(e.Part, rotate)
	if _, err := engine.Run(ctx, local.Request{Run: newRunID(time.Now()), Parts: []local.Part{part}}); err != nil {
		return nil, err
	}
	return readKeys(part)
}

// keyFiles lists the keys of one file; the second is the next one.
func keyFiles(relationship, use, file string, prints []string) []keyFile {
	var found []keyFile
	for i, print := range prints {
		key := keyFile{Relationship: relationship, Use: use, Fingerprint: print, File: file}
		if i > 0 {
			key.Use += " (next)"
		}
		found = append(found, key)
	}
	return found
}

// keysPart is the destination's pipeline with nothing but its keys step. It takes
// no lock: keys may be made and rotated while a listener runs.
func keysPart(part local.Part, rotate bool) local.Part {
	steps := part.Pipeline.Steps
	part.Pipeline = plan.Pipeline{Name: part.Pipeline.Name + "-keys", Role: part.Pipeline.Role}
	for _, step := range steps {
		if keys, ok := step.Command.(*contract.RsyncKeys); ok {
			command := *keys
			command.Rotate = rotate
			step.Command = &command
			part.Pipeline.Steps = []plan.Step{step}
		}
	}
	return part
}

// readKeys lists the public keys that a relationship has at its destination.
func readKeys(part local.Part) ([]keyFile, error) {
	relationship := part.Relationship.Name
	push := part.Layout().Secret(contract.PushSecret(relationship))
	listener := part.Layout().Secret(contract.ListenerSecret(relationship))
	var found []keyFile
	for _, k := range []keyFile{
		{Use: "host", File: filepath.Join(push, contract.KeyHostPub)},
		{Use: "client", File: filepath.Join(listener, contract.KeyClientPub)},
		{Use: "client (next)", File: filepath.Join(listener, contract.KeyClientPubNext)},
	} {
		prints, err := fingerprints(k.File)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, keyFiles(relationship, k.Use, k.File, prints)...)
	}
	return slices.Clip(found), nil
}

// fingerprints returns those of every key in a file of public keys.
func fingerprints(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read a public key: %w", err)
	}
	prints, err := fingerprintsOf(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return prints, nil
}

func fingerprintsOf(rest []byte) ([]string, error) {
	var prints []string
	for len(rest) > 0 {
		key, _, _, next, err := ssh.ParseAuthorizedKey(rest)
		if err != nil && len(prints) > 0 {
			break // only comments and blank lines are left
		}
		if err != nil {
			return nil, fmt.Errorf("read a public key: %w", err)
		}
		prints, rest = append(prints, ssh.FingerprintSHA256(key)), next
	}
	return prints, nil
}
