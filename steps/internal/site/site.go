// Package site finds the volume store of the site a step runs at.
package site

import (
	"log/slog"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/steps/internal/volume"
	"github.com/backube/scribe-gen/steps/internal/volume/directory"
)

// Open returns the store that the arguments name. This version has directory
// sites only.
func Open(s contract.Site, log *slog.Logger) (volume.Store, error) {
	if s.Directory == "" {
		return nil, step.Usage("--directory is required: the volumes of a cluster are not supported by this version")
	}
	return directory.Open(s.Directory, log)
}
