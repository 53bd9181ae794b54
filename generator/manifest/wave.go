package manifest

import (
	"maps"
	"slices"
	"strconv"
)

// waveAnnotation is the wave in which Argo CD applies an object; 0 without it. Argo
// CD waits until what it applied in one wave is healthy before it begins the next.
// Other tools pass it by, and kustomize can select by it.
const waveAnnotation = "argocd.argoproj.io/sync-wave"

// late are the kinds that come in a wave after the others. The order of a bundle is
// not enough: Argo CD sorts by kinds that it knows and by name, where a CronWorkflow
// and its template are equal.
var late = []string{
	// Argo drops one whose template it has not seen yet, until the object changes or
	// 20 minutes have passed.
	"CronWorkflow",
	// One that fires before its Pipeline is there makes a run that fails.
	"CronJob",
	// Nothing may wait for these. A claim of a class that binds to the first consumer
	// is pending until the first run, and a load balancer without an address, which
	// some clusters never give, is not healthy either.
	"PersistentVolumeClaim", "Service",
}

// inWave returns the object in its wave: one of a late kind as a copy in the wave
// after the one that the user has put all objects into.
func inWave(o Object) Object {
	if !slices.Contains(late, kind(o)) {
		return o
	}
	annotations := maps.Clone(o.GetAnnotations())
	if annotations == nil {
		annotations = map[string]string{}
	}
	// What is no number is no wave for Argo CD either.
	wave, _ := strconv.Atoi(annotations[waveAnnotation])
	annotations[waveAnnotation] = strconv.Itoa(wave + 1)
	o = o.DeepCopyObject().(Object)
	o.SetAnnotations(annotations)
	return o
}
