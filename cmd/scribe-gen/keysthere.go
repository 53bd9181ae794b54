package main

import (
	"context"
	"fmt"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/templates/remote"
)

// makeKeysThere runs the keys step of a Kubernetes site's pipeline alone.
func (s *selection) makeKeysThere(ctx context.Context, c *console, e end, rotate bool) ([]keyFile, error) {
	step, _, ok := stepOf[*contract.RsyncKeys](e.Pipeline)
	if !ok {
		return nil, fmt.Errorf("pipeline %s makes no keys", e.Pipeline.Name)
	}
	submission := remote.Submission{Step: step.Name, Params: map[string]string{}}
	if rotate {
		submission.Params["rotate"] = "true"
	}
	if _, err := runThere(ctx, c, e, submission); err != nil {
		return nil, err
	}
	return readSecretKeys(ctx, e)
}

// readSecretKeys lists the public keys in the Secrets of a Kubernetes site.
func readSecretKeys(ctx context.Context, e end) ([]keyFile, error) {
	relationship := e.Relationship.Name
	var found []keyFile
	for _, k := range []struct{ use, secret, key string }{
		{"host", contract.PushSecret(relationship), contract.KeyHostPub},
		{"client", contract.ListenerSecret(relationship), contract.KeyClientPub},
		{"client (next)", contract.ListenerSecret(relationship), contract.KeyClientPubNext},
	} {
		data, err := e.session.Secret(ctx, k.secret)
		if err != nil {
			return nil, err
		}
		if len(data[k.key]) == 0 {
			continue
		}
		where := fmt.Sprintf("%s/%s %s", e.session.Namespace, k.secret, k.key)
		prints, err := fingerprintsOf(data[k.key])
		if err != nil {
			return nil, fmt.Errorf("%s: Secret %s: %w", e.where(), where, err)
		}
		found = append(found, keyFiles(relationship, k.use, where, prints)...)
	}
	return found, nil
}
