package objectstore

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	rclone "github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/fshttp"

	"github.com/backube/scribe-gen/steps/internal/step"
)

// settings is what rclone's process-wide state follows from.
type settings struct {
	directory string
	file      []byte            // rclone.conf; nil for none
	variables map[string]string // from files
	level     rclone.LogLevel
}

// readSettings reads the directory of the configuration.
func readSettings(c Config) (settings, error) {
	g := settings{directory: c.ConfigDir, variables: map[string]string{}, level: levelOf(c.Log)}
	if c.ConfigDir == "" {
		g.directory = string(filepath.Separator) + "nonexistent"
		return g, nil
	}
	entries, err := os.ReadDir(c.ConfigDir)
	if err != nil {
		return g, step.Usage("--config: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		if name != "rclone.conf" && !strings.HasPrefix(name, "RCLONE_") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(c.ConfigDir, name))
		if err != nil {
			return g, step.Usage("--config: %w", err)
		}
		if name == "rclone.conf" {
			g.file = data
			continue
		}
		g.variables[name] = strings.TrimRight(string(data), "\r\n")
	}
	return g, nil
}

// key is the same for settings that are the same. It holds credentials.
func (g settings) key() string {
	variables := make([]string, 0, len(g.variables))
	for name, value := range g.variables {
		variables = append(variables, name+"="+value)
	}
	for _, variable := range os.Environ() {
		// rclone sets the second one itself.
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "RCLONE_") && name != "RCLONE_CONFIG_DIR" && g.variables[name] == "" {
			variables = append(variables, variable)
		}
	}
	slices.Sort(variables)
	return fmt.Sprintf("%q %q %q %d", g.directory, g.file, variables, g.level)
}

// checkCertificates reads what rclone will read of certificates: it ends the
// process where it cannot.
func checkCertificates(options *rclone.ConfigInfo) error {
	for _, file := range options.CaCert {
		data, err := os.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return step.Usage("--ca: %s does not exist", file)
		case err != nil:
			return step.Usage("--ca: %w", err)
		case !x509.NewCertPool().AppendCertsFromPEM(data):
			return step.Usage("--ca: %s holds no certificate: want PEM", file)
		}
	}
	if options.ClientCert == "" && options.ClientKey == "" {
		return nil
	}
	if options.ClientCert == "" || options.ClientKey == "" {
		return step.Usage("--config: RCLONE_CLIENT_CERT and RCLONE_CLIENT_KEY: want both or none")
	}
	if _, err := fshttp.LoadKeyPair(options.ClientCert, options.ClientKey, options.ClientPass); err != nil {
		return step.Usage("--config: RCLONE_CLIENT_CERT and RCLONE_CLIENT_KEY: %w", err)
	}
	return nil
}
