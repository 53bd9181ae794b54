package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// claim makes a claim of a size at a site.
func (w *world) claim(site, size string) {
	w.t.Helper()
	s := w.sessions[site]
	_, err := s.Core.CoreV1().PersistentVolumeClaims(s.Namespace).Create(w.t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "data"},
		Status:     corev1.PersistentVolumeClaimStatus{Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}},
	}, metav1.CreateOptions{})
	require.NoError(w.t, err)
}

// A replica without a capacity in the spec is made as large as the source, once.
func TestReplicaIsAsLargeAsTheSource(t *testing.T) {
	w := newWorld(t)
	o := &runOptions{selection: w.selection("", "{}")}
	o.console = newConsole(w.io())
	capacity := func() (string, error) {
		jobs, err := o.jobs(w.io())
		require.NoError(t, err)
		document, err := (&runner{runOptions: o, io: w.io()}).sized(t.Context(), jobs[0])
		return document.Replication.Spec.Destinations[0].Capacity, err
	}
	got, err := capacity()
	require.NoError(t, err)
	assert.Equal(t, "1Gi", got, "the spec's own")

	text, err := os.ReadFile(o.paths[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(o.paths[0], []byte(strings.Replace(string(text), ", capacity: 1Gi", "", 1)), 0o644))
	_, err = capacity()
	require.ErrorContains(t, err, "claim data does not exist at site far")
	assert.ErrorAs(t, err, &hintedError{})

	w.claim("near", "7Gi")
	got, err = capacity()
	require.NoError(t, err)
	assert.Equal(t, "7Gi", got)
	assert.Contains(t, w.err.String(), "far: claim data is made as large as the source, 7Gi")

	w.claim("far", "9Gi")
	got, err = capacity()
	require.NoError(t, err)
	assert.Empty(t, got, "a claim that exists is left alone")
}
