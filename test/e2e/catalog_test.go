//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/generator/plan"
	"github.com/backube/scribe-gen/generator/spec"
	"github.com/backube/scribe-gen/steps/contract"
)

// The names in the samples of the catalog.
const (
	demoRelationship = "demo-backup"
	demoSource       = "demo-data"
	demoReplica      = "demo-replica"
)

// packageFolder is the folder of a block's package for an engine.
func packageFolder(on pair, block string) []string {
	root := []string{"catalog", "argo"}
	if on.source == spec.EngineTekton {
		root = []string{"catalog", "tekton", "task"}
	}
	return append(root, "scribe-"+block, plan.Version)
}

// Whoever pastes the commands of a README gets what it says, and can remove all of it.
func TestCatalog(t *testing.T) {
	for block, effect := range map[string]func(p *paper){
		"snapshot-create":  copied,
		"snapshot-cleanup": collected,
		"snapshot-prune":   pruned,
		"rsync-keys":       haveKeys,
		"rsync-listen":     received,
		"rsync-push":       received,
		"rsync-copy":       received,
		"rclone-push":      received,
		"rclone-pull":      received,
		"promote":          promoted,
	} {
		t.Run(block, func(t *testing.T) {
			proves(t, "the README of block "+block+" works as it is, and leaves nothing behind", onOne, func(t *testing.T, on pair) {
				p := newPaper(t, spec.PrivilegesOwner, packageFolder(on, block)...)
				commands, remove := p.read()
				if strings.HasPrefix(block, "rclone-") {
					p.bringStore(on)
				}
				terminal := p.shell()
				t.Log(terminal.run(commands))
				effect(p)
				terminal.run(remove)
				p.bare()
			})
		})
	}
}

// copied: there is one copy, identical to the source, which cleanup would remove.
func copied(p *paper) {
	p.t.Helper()
	list, err := p.kube.CoreV1().PersistentVolumeClaims(p.namespace).List(p.t.Context(), metav1.ListOptions{
		LabelSelector: contract.LabelRelationship + "=" + demoRelationship + "," + contract.LabelTemporary + "=true",
	})
	require.NoError(p.t, err)
	require.Len(p.t, list.Items, 1)
	p.identical(p.volume(p.namespace, demoSource), p.volume(p.namespace, list.Items[0].Name))
}

// collected: what a killed run left is gone.
func collected(p *paper) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		_, err := p.kube.CoreV1().PersistentVolumeClaims(p.namespace).Get(p.t.Context(), "scribe-copy-killed", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}, wait, 100*time.Millisecond)
}

// pruned: of the two snapshots the newer one is left.
func pruned(p *paper) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		left := p.ofRelationship()
		return len(left) == 1 && left[0].Name == "demo-tuesday"
	}, wait, 100*time.Millisecond)
}

// haveKeys: both Secrets are there, and the source's knows where the listener is.
func haveKeys(p *paper) {
	p.t.Helper()
	for name, keys := range map[string][]string{
		contract.ListenerSecret(demoRelationship): {contract.KeyHost, contract.KeyClientPub},
		contract.PushSecret(demoRelationship):     {contract.KeyClient, contract.KeyHostPub, contract.KeyAddress, contract.KeyPort},
	} {
		secret, err := p.kube.CoreV1().Secrets(p.namespace).Get(p.t.Context(), name, metav1.GetOptions{})
		require.NoError(p.t, err)
		for _, key := range keys {
			assert.NotEmpty(p.t, secret.Data[key], "%s of %s", key, name)
		}
		if address, ok := secret.Data[contract.KeyAddress]; ok {
			assert.Equal(p.t, demoRelationship, string(address))
		}
	}
}

// received: the replica and its snapshot are identical to the source, and the commit
// was recorded with the recovery point of the sample.
func received(p *paper) {
	p.t.Helper()
	source := p.volume(p.namespace, demoSource)
	p.identical(source, p.volume(p.namespace, demoReplica))
	cut := p.ofRelationship()
	require.Len(p.t, cut, 1)
	p.identical(source, place{namespace: p.namespace, snapshot: cut[0].Name})
	state := p.state()
	require.NotNil(p.t, state.Last)
	assert.Equal(p.t, cut[0].Name, state.Last.Snapshot)
	assert.Equal(p.t, "2026-01-02T03:04:05Z", state.Last.RecoveryPoint.Format(time.RFC3339))
}

// promoted: the application's claim is what the snapshot shows, and pushes are refused.
func promoted(p *paper) {
	p.t.Helper()
	p.identical(place{namespace: p.namespace, snapshot: "demo-tuesday"}, p.volume(p.namespace, "demo-promoted"))
	state := p.state()
	require.NotNil(p.t, state.Promoted)
	assert.True(p.t, state.Promoted.Complete)
	assert.Equal(p.t, "demo-tuesday", state.Promoted.Snapshot)
}
