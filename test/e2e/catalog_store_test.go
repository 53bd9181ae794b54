//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/test/s3"
)

// demoStore is the Secret that whoever reads a README about object stores makes.
const demoStore = "demo-store"

// bringStore fills in the sample of rclone.conf and makes the Secret. The server's
// certificate authority is in it, too.
func (p *paper) bringStore(on pair) {
	p.t.Helper()
	server := store(p.t, kindFor(on))
	folder := filepath.Join(append([]string{"../.."}, packageFolder(on, "rclone-push")...)...)
	sample, err := os.ReadFile(filepath.Join(folder, "samples", contract.KeyRcloneConfig))
	require.NoError(p.t, err)
	config := strings.NewReplacer(
		"https://REPLACE-WITH-HOST", server.Endpoint,
		"REPLACE-WITH-REGION", "us-east-1", // of every server of package s3
		"REPLACE-WITH-ACCESS-KEY", server.AccessKey,
		"REPLACE-WITH-SECRET-KEY", server.SecretKey,
		"REPLACE-WITH-BUCKET/", s3.DefaultBucket+"/"+p.namespace+"/",
	).Replace(string(sample))
	authority, err := os.ReadFile(server.CAFile)
	require.NoError(p.t, err)
	_, err = p.kube.CoreV1().Secrets(p.namespace).Create(p.t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: demoStore},
		Data: map[string][]byte{
			contract.KeyRcloneConfig: []byte(config),
			caKey:                    authority,
			"RCLONE_CA_CERT":         []byte("/etc/scribe/rclone/" + caKey),
		},
	}, metav1.CreateOptions{})
	require.NoError(p.t, err)
}
