package main

import (
	"context"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// binary is the driver under test.
var binary string

func TestMain(m *testing.M) {
	if socket := os.Getenv(suiteSocket); socket != "" {
		os.Exit(runSuite(socket))
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "driver-")
	if err != nil {
		log.Print(err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "driver")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		log.Printf("go build: %v: %s", err, out)
		return 1
	}
	return m.Run()
}

// process is a driver that runs.
type process struct {
	csi.ControllerClient
	csi.NodeClient
	socket string
	cmd    *exec.Cmd
}

// start runs the driver on root and waits until it answers.
func start(t *testing.T, root string, args ...string) *process {
	t.Helper()
	dir, err := os.MkdirTemp("", "csi-") // t.TempDir is too long for a socket.
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &process{socket: filepath.Join(dir, "s")}
	args = append([]string{
		"--name", "csi.scribe.test", "--socket", p.socket, "--root", root, "--node", "n",
		"--registration-dir", filepath.Join(dir, "registry"),
	}, args...)
	p.cmd = exec.Command(binary, args...)
	p.cmd.Stderr = t.Output()
	require.NoError(t, p.cmd.Start())
	t.Cleanup(p.kill)

	require.Eventually(t, func() bool { // gRPC waits a second after a failed dial.
		_, err := os.Stat(p.socket)
		return err == nil
	}, 20*time.Second, 5*time.Millisecond, "the driver did not listen")
	conn, err := grpc.NewClient("unix://"+p.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	p.ControllerClient, p.NodeClient = csi.NewControllerClient(conn), csi.NewNodeClient(conn)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = csi.NewIdentityClient(conn).Probe(ctx, &csi.ProbeRequest{}, grpc.WaitForReady(true))
	require.NoError(t, err, "the driver did not answer")
	return p
}

// kill ends the driver as the kernel does when memory is short.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

var mountCapability = &csi.VolumeCapability{
	AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}},
	AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_MULTI_WRITER},
}

const mebibyte = 1 << 20

// volume returns a request for a volume of 64 MiB.
func volume(name string, parameters map[string]string) *csi.CreateVolumeRequest {
	return &csi.CreateVolumeRequest{
		Name: name, Parameters: parameters, VolumeCapabilities: []*csi.VolumeCapability{mountCapability},
		CapacityRange: &csi.CapacityRange{RequiredBytes: 64 * mebibyte},
	}
}

// create makes the volume and returns where it is.
func (p *process) create(t *testing.T, root string, req *csi.CreateVolumeRequest) string {
	t.Helper()
	resp, err := p.CreateVolume(t.Context(), req)
	require.NoError(t, err)
	return filepath.Join(root, "volumes", resp.GetVolume().GetVolumeId())
}

func clone(of string, req *csi.CreateVolumeRequest) *csi.CreateVolumeRequest {
	req.VolumeContentSource = &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Volume{
		Volume: &csi.VolumeContentSource_VolumeSource{VolumeId: of},
	}}
	return req
}

func restore(of string, req *csi.CreateVolumeRequest) *csi.CreateVolumeRequest {
	req.VolumeContentSource = &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{
		Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: of},
	}}
	return req
}

func snapshot(name, of string, parameters map[string]string) *csi.CreateSnapshotRequest {
	return &csi.CreateSnapshotRequest{Name: name, SourceVolumeId: of, Parameters: parameters}
}
