//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"time"

	snapshotv1 "github.com/kubernetes-csi/external-snapshotter/client/v4/apis/volumesnapshot/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
)

// ofRelationship are the VolumeSnapshots of the paper's relationship.
func (p *paper) ofRelationship() []snapshotv1.VolumeSnapshot {
	p.t.Helper()
	list, err := p.snapshots.SnapshotV1().VolumeSnapshots(p.namespace).List(p.t.Context(), metav1.ListOptions{
		LabelSelector: contract.LabelRelationship + "=" + p.rel,
	})
	require.NoError(p.t, err)
	return list.Items
}

// bare fails the test unless nothing but what every namespace has is left. What was
// deleted a moment ago may take a moment to go.
func (p *paper) bare() {
	p.t.Helper()
	var left []string
	assert.Eventually(p.t, func() bool {
		left = strings.Fields(p.shell().run("kubectl get -o name " +
			"pods,persistentvolumeclaims,volumesnapshots,services,roles,rolebindings," + p.engineKinds()))
		for _, more := range []string{"secrets", "serviceaccounts", "configmaps"} {
			for _, name := range strings.Fields(p.shell().run("kubectl get -o name " + more)) {
				if !strings.HasSuffix(name, "/default") && !strings.HasSuffix(name, "/kube-root-ca.crt") {
					left = append(left, name)
				}
			}
		}
		return len(left) == 0
	}, wait, 500*time.Millisecond, "left behind: %v", &left)
}

// engineKinds are the kinds of objects of the engines that were chosen.
func (p *paper) engineKinds() string {
	var kinds []string
	for _, name := range p.engines {
		e := engines[name]
		kinds = append(kinds, e.runKind)
	}
	return strings.Join(kinds, ",")
}

// noneTemporary fails the test if anything temporary is left.
func (p *paper) noneTemporary() {
	p.t.Helper()
	var left string
	assert.Eventually(p.t, func() bool {
		left = p.shell().run(fmt.Sprintf("kubectl get -o name persistentvolumeclaims,volumesnapshots -l %s=true", contract.LabelTemporary))
		return left == ""
	}, wait, 500*time.Millisecond, "left behind: %s", &left)
}
