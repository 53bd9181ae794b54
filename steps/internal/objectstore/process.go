package objectstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/accounting"
	"github.com/rclone/rclone/fs/cache"
	"github.com/rclone/rclone/fs/config"
	"github.com/rclone/rclone/fs/config/configfile"

	"github.com/backube/scribe-gen/steps/internal/step"
)

// process is what rclone has only one of in a process: the configuration file,
// the environment, the global options, the logger. Stores that are opened with
// the same settings share it without writing to it.
var process struct {
	sync.Mutex
	settings  string             // what the process is set to
	variables map[string]*string // that were set, with what they were before
	limits    sync.Once          // for the bandwidth and transactions that the settings allow
}

// configure sets rclone up and makes the backend.
func (s *Store) configure(ctx context.Context) error {
	given, err := readSettings(s.config)
	if err != nil {
		return err
	}
	process.Lock()
	defer process.Unlock()
	forwardLogs(s.log, nil)
	if key := given.key(); key != process.settings {
		process.settings = ""
		if err := given.apply(); err != nil {
			return err
		}
		process.settings = key
	}
	sections := config.LoadedData()
	s.secrets = newRedactor(s.config.Remote, sections)
	forwardLogs(s.log, s.secrets)
	s.settings, err = s.config.options(context.WithoutCancel(ctx))
	if err != nil {
		return s.secrets.error(err)
	}
	s.backend, err = s.makeBackend()
	return err
}

// apply sets rclone's process-wide state.
func (g settings) apply() error {
	for name, before := range process.variables {
		if before == nil {
			_ = os.Unsetenv(name)
		} else {
			_ = os.Setenv(name, *before)
		}
	}
	process.variables = map[string]*string{}
	for name, value := range g.variables {
		process.variables[name] = nil
		if before, ok := os.LookupEnv(name); ok {
			process.variables[name] = &before
		}
		if err := os.Setenv(name, value); err != nil {
			return step.Usage("--config: %s: %w", name, err)
		}
	}
	if err := fs.GlobalOptionsInit(); err != nil {
		return step.Usage("--config: a setting named RCLONE_…: %w", err)
	}
	global := fs.GetConfig(context.Background())
	global.AskPassword = false // nobody is there
	global.Dump = 0            // shows credentials
	global.LogLevel = g.level
	cache.Clear()
	return g.loadFile()
}

// loadFile reads rclone.conf. Without one, rclone has its environment.
func (g settings) loadFile() error {
	config.ClearConfigPassword()
	file := filepath.Join(g.directory, "rclone.conf")
	if err := config.SetConfigPath(file); err != nil {
		return step.Usage("--config: %w", err)
	}
	storage := &configfile.Storage{}
	switch err := storage.Load(); {
	case err == nil, errors.Is(err, config.ErrorConfigFileNotFound):
	case strings.Contains(err.Error(), "could not parse"): // and then the line, which may be a password
		return step.Usage("--config: read %s: it has a line that is neither [NAME] nor OPTION = VALUE", file)
	default:
		return step.Usage("--config: read %s: %w; the password of an encrypted file goes into a file RCLONE_CONFIG_PASS beside it", file, err)
	}
	config.SetData(readOnly{storage})
	config.LoadedData()
	return nil
}

// readOnly is a configuration that stays as it is in its file: a mounted Secret
// cannot be written, and what rclone would write (a refreshed token) is for
// this process only.
type readOnly struct{ *configfile.Storage }

// Load does nothing, as rclone ends the process when it fails.
func (readOnly) Load() error { return nil }

func (readOnly) Save() error { return nil }

// options returns a context with rclone's settings for this store: those of the
// process, and what suits a step where nobody set anything.
func (c Config) options(ctx context.Context) (context.Context, error) {
	ctx, options := fs.AddConfig(ctx)
	unless := func(name string, set func()) {
		if _, ok := os.LookupEnv("RCLONE_" + name); !ok {
			set()
		}
	}
	// A connection on which nothing moves is given up after these.
	unless("TIMEOUT", func() { options.Timeout = fs.Duration(3 * time.Minute) })
	unless("CONTIMEOUT", func() { options.ConnectTimeout = fs.Duration(30 * time.Second) })
	unless("USER_AGENT", func() { options.UserAgent = "scribe rclone/" + strings.TrimPrefix(fs.Version, "v") })
	unless("TRANSFERS", func() { options.Transfers = defaultTransfers })
	if c.Transfers > 0 {
		options.Transfers = c.Transfers
	}
	options.UseServerModTime = true // nobody reads the other one, which takes a request
	if c.CA != "" {
		options.CaCert = []string{c.CA}
	}
	if err := checkCertificates(options); err != nil {
		return nil, err
	}
	if len(options.BwLimit) > 0 || options.TPSLimit > 0 {
		process.limits.Do(func() { accounting.Start(ctx) })
	}
	return ctx, nil
}
