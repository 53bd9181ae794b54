package kubernetes

import (
	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// inapt refuses what the volume or its storage cannot do.
func inapt(format string, args ...any) error {
	return step.Refuse(contract.RefusedVolume, format, args...)
}

// noSnapshots refuses what needs VolumeSnapshots, which the cluster does not have.
func noSnapshots(err error) error {
	return inapt("%w; the cluster lacks the CustomResourceDefinitions of snapshot.storage.k8s.io/v1: install them and a snapshot controller, or use copyMethod Clone or Direct", err)
}
