package s3

import (
	"context"
	"fmt"
	"path/filepath"
)

// region is what every server is told to be in, and clients to sign for.
const region = "us-east-1"

// A launcher starts a server at an address, sets its Endpoint and stop, and
// returns once ready has succeeded.
type launcher func(ctx context.Context, s *Server, a address, ready func(context.Context) error) error

func launcherOf(k Kind) (launcher, error) {
	switch k {
	case Rclone:
		return serveRclone, nil
	case Versity:
		return program(versity).launch, nil
	case MinIO:
		return program(minio).launch, nil
	}
	return nil, fmt.Errorf("unknown kind of S3 server %q: use one of %q", k, Kinds())
}

// providerOf is what rclone calls servers of a kind, which decides on its
// workarounds. It has none for Versity.
func providerOf(k Kind) string {
	switch k {
	case Rclone:
		return "Rclone"
	case MinIO:
		return "Minio"
	}
	return "Other"
}

// A command is how a program is run.
type command struct{ args, env []string }

// versity serves a directory as files, with their attributes in files of a
// second one, since not every file system for tests has extended attributes.
func versity(s *Server, a address) command {
	args := []string{"--port", a.String(), "--region", region}
	if s.TLS() {
		args = append(args,
			"--cert", filepath.Join(s.Directory, certificateFile),
			"--key", filepath.Join(s.Directory, keyFile))
	}
	return command{
		args: append(args, "posix", "--sidecar", s.attributes(), s.objects()),
		env:  []string{"ROOT_ACCESS_KEY=" + s.AccessKey, "ROOT_SECRET_KEY=" + s.SecretKey},
	}
}

// minio serves one drive and nothing besides S3.
func minio(s *Server, a address) command {
	args := []string{"server", "--address", a.String()}
	if s.TLS() {
		args = append(args, "--certs-dir", filepath.Dir(filepath.Join(s.Directory, keyFile)))
	}
	return command{
		args: append(args, s.objects()),
		env: []string{
			"MINIO_ROOT_USER=" + s.AccessKey, "MINIO_ROOT_PASSWORD=" + s.SecretKey,
			"MINIO_SITE_REGION=" + region,
			"MINIO_BROWSER=off", "MINIO_UPDATE=off",
		},
	}
}
