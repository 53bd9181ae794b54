package s3

import (
	"context"
	"errors"
	"fmt"
	"strings"

	_ "github.com/rclone/rclone/backend/s3" // the remote that Access describes
	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/config/configmap"
)

// Access is what a client needs to know of a server.
type Access struct {
	// Endpoint is the URL, without a path.
	Endpoint string
	// AccessKey and SecretKey are credentials that may do everything. They
	// are made anew at each start.
	AccessKey, SecretKey string
	// CAFile is the PEM file of the authority that the server's certificate
	// is from; empty without TLS.
	CAFile string

	provider string // rclone's name for servers of the kind
}

// At returns the access to the same server at another endpoint, such as that of
// a proxy.
func (a Access) At(endpoint string) Access {
	a.Endpoint = endpoint
	return a
}

// Config returns the text of an rclone.conf with one remote of the given name.
// CAFile is not part of it, since rclone takes that as a flag, --ca-cert.
func (a Access) Config(remote string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "[%s]\ntype = s3\n", remote)
	for _, o := range a.options() {
		fmt.Fprintf(&text, "%s = %s\n", o[0], o[1])
	}
	return text.String()
}

// options are the settings of the remote, in the order of the configuration.
func (a Access) options() [][2]string {
	return [][2]string{
		{"provider", a.provider},
		{"access_key_id", a.AccessKey},
		{"secret_access_key", a.SecretKey},
		{"region", region},
		{"endpoint", a.Endpoint},
		{"force_path_style", "true"},
	}
}

// Fs opens bucket/path of the server with rclone, for tests that look at what is
// stored or change it behind the back of what they test. Settings are those of
// rclone's s3 backend, such as upload_cutoff, as name=value. The Fs takes the
// server's authority and, where ctx has it, rclone's configuration.
func (a Access) Fs(ctx context.Context, path string, settings ...string) (fs.Fs, error) {
	ctx, config := fs.AddConfig(ctx)
	if a.CAFile != "" {
		config.CaCert = []string{a.CAFile}
	}
	given := configmap.Simple{}
	for _, o := range a.options() {
		given[o[0]] = o[1]
	}
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		given[name] = value
	}
	backend, err := fs.Find("s3")
	if err != nil {
		return nil, err
	}
	// Not by fs.NewFs, which would look for a configuration file of the user.
	found, err := backend.NewFs(ctx, "s3", path, fs.ConfigMap(backend.Prefix, backend.Options, "", given))
	if err != nil && !errors.Is(err, fs.ErrorIsFile) {
		return nil, fmt.Errorf("open %s of %s: %w", path, a.Endpoint, err)
	}
	return found, nil
}

// makeBuckets creates the buckets, or returns why the server does not do so
// yet. Those that exist are left as they are.
func (s *Server) makeBuckets(ctx context.Context, buckets []string) error {
	ctx, config := fs.AddConfig(ctx)
	config.LowLevelRetries = 1 // the caller tries again, and knows when to give up
	for _, bucket := range buckets {
		// Whatever the defaults of this process are: without the check, none is made.
		f, err := s.Fs(ctx, bucket, "no_check_bucket=false")
		if err != nil {
			return err
		}
		if err := f.Mkdir(ctx, ""); err != nil {
			return fmt.Errorf("make bucket %s: %w", bucket, err)
		}
	}
	return nil
}
