package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/tree"
)

// Paths and names of the second example: one source, two edges, an object store.
const (
	fanOutFile = exampleDir + "/fan-out.yaml"
	storeDir   = "demo/store"
	storeName  = "store"
)

// edges are the sites that pull.
var edges = []string{"east", "west"}

// fanOut publishes the source to a directory that serves as the object store, lets
// both edges pull, and compares each with the source.
func (d *demo) fanOut(ctx context.Context) error {
	if err := d.configureStore(); err != nil {
		return err
	}
	if _, err := d.scribe(ctx, d.out, contract.ExitDone, "run", "-f", fanOutFile, "--verify"); err != nil {
		return err
	}
	for _, edge := range edges {
		report, err := tree.Compare(d.source(), d.layout(edge).Volume(claim), tree.Options{NoOwners: os.Geteuid() != 0})
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "%s compared with the source: %s\n", edge, report)
		if !report.Equal() {
			return errors.New("an edge is not equal to the source")
		}
	}
	return nil
}

// fanOutChanges lets the source change once more: little is uploaded, and pulled.
func (d *demo) fanOutChanges(ctx context.Context) error {
	if err := d.change(ctx); err != nil {
		return err
	}
	if err := d.fanOut(ctx); err != nil {
		return err
	}
	_, err := d.scribe(ctx, d.out, contract.ExitDone, "status", "-f", fanOutFile)
	return err
}

// configureStore gives each site its rclone.conf. A real one names an object store
// with its credentials.
func (d *demo) configureStore() error {
	store := filepath.Join(d.dir, storeDir)
	if err := os.MkdirAll(store, 0o700); err != nil {
		return err
	}
	config := fmt.Sprintf("[%s]\ntype = alias\nremote = %s\n", storeName, store)
	for _, site := range append([]string{filepath.Base(primary)}, edges...) {
		secret := d.layout(site).Secret(storeName)
		if err := os.MkdirAll(secret, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(secret, contract.KeyRcloneConfig), []byte(config), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// layout is where a site of the demo keeps its things.
func (d *demo) layout(site string) contract.Layout {
	return contract.Layout{Directory: filepath.Join(d.dir, "demo", site)}
}
