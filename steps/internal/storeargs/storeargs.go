// Package storeargs reads the arguments that all steps at an object store have in
// common.
package storeargs

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/objectstore"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/tree/filter"
)

// Filter reads the rules of what is left out of a replication from a file; an empty
// name is no rules. What is wrong with them is a usage error.
func Filter(name string) (*filter.Filter, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, step.Usage("--filter-file: %w", err)
	}
	defer func() { _ = f.Close() }()
	rules, err := filter.Parse(f)
	if err != nil {
		return nil, step.Usage("--filter-file=%s: %w", name, err)
	}
	return rules, nil
}

// Open opens the object store that holds the generations of a replication; with an
// empty name, of any. Wrong arguments or an unusable configuration are usage errors.
func Open(ctx context.Context, args contract.ObjectStore, replication string, log *slog.Logger) (*objectstore.Store, error) {
	if err := configured(args.Config); err != nil {
		return nil, err
	}
	config := objectstore.Config{
		Remote: args.Remote, ConfigDir: args.Config, CA: args.CA, Transfers: args.Transfers, Replication: replication, Log: log,
	}
	if args.BandwidthLimit != "" {
		q, err := resource.ParseQuantity(args.BandwidthLimit)
		if err != nil || q.Sign() <= 0 {
			return nil, step.Usage("--bandwidth-limit: %q is not a positive quantity of bytes per second, such as 50Mi", args.BandwidthLimit)
		}
		config.BytesPerSecond = q.Value()
	}
	return objectstore.Open(ctx, config)
}

// configured refuses a directory without any configuration: a Secret that is missing
// looks like that.
func configured(dir string) error {
	for _, pattern := range []string{contract.KeyRcloneConfig, "RCLONE_*"} {
		if found, err := filepath.Glob(filepath.Join(dir, pattern)); err == nil && len(found) > 0 {
			return nil
		}
	}
	return step.Usage("--config: there is no %s in %q: make the Secret that spec.rclone.configSecret names, with that key, at this site",
		contract.KeyRcloneConfig, dir)
}
