package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kubernetes-csi/csi-test/v5/pkg/sanity"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/test/cluster/components/driver/internal/btrfstest"
)

// suiteSocket makes this test binary run the conformance suite of the CSI project,
// and nothing else, against the driver on that socket. A process can run the suite
// once only.
const suiteSocket = "DRIVER_SANITY_SOCKET"

func TestSanity(t *testing.T) {
	for name, args := range map[string][]string{
		"clones and snapshots": nil,
		"plain":                {"--plain"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, btrfstest.Mount(t), args...)
			suite := exec.Command(os.Args[0])
			suite.Env = append(os.Environ(), suiteSocket+"="+p.socket)
			out, err := suite.CombinedOutput()
			t.Log(string(out))
			require.NoError(t, err, "the suite failed")
		})
	}
}

// suiteResult is what the suite wants of a testing.T.
type suiteResult struct{ code int }

func (r *suiteResult) Fail() { r.code = 1 }

// runSuite returns the exit code of the suite.
func runSuite(socket string) int {
	flag.Parse()
	config := sanity.NewTestConfig()
	config.Address = "unix://" + socket
	config.TargetPath = filepath.Join(filepath.Dir(socket), "target")
	config.StagingPath = filepath.Join(filepath.Dir(socket), "staging")
	config.IdempotentCount = 2
	var result suiteResult
	sanity.Test(&result, config)
	return result.code
}
