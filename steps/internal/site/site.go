// Package site finds the volume store of the site a step runs at.
package site

import (
	"log/slog"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/directory"
	"github.com/backube/scribe-gen/steps/internal/volume/kubernetes"
)

// Open returns the store that the arguments name: a directory of this host, or
// else a namespace of the cluster that the process runs in.
func Open(s contract.Site, log *slog.Logger) (volume.Store, error) {
	switch {
	case s.Directory != "" && s.Namespace != "":
		return nil, step.Usage("--directory and --namespace exclude each other: a site is one or the other")
	case s.Directory != "":
		return directory.Open(s.Directory, log)
	}
	store, err := kubernetes.OpenHere(s.Namespace, log)
	if err != nil {
		return nil, err // not a typed nil
	}
	return store, nil
}
