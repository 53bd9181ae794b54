package objectstore

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/fspath"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/backube/scribe-gen/steps/internal/step"
)

// Config says where a store is and how rclone gets there.
type Config struct {
	// Remote is the remote and path, as rclone takes them, such as
	// s3:bucket/path.
	Remote string
	// ConfigDir is a directory with rclone.conf and with files that are named
	// like rclone's environment variables and hold their values. Neither is
	// needed; nothing is written there. Empty for none.
	ConfigDir string
	// CA is a file of certificates, PEM, that servers are checked with; empty
	// for those of the system.
	CA string
	// BytesPerSecond limits content both ways together; 0 for no limit.
	BytesPerSecond int64
	// Transfers is how many objects travel at a time; 0 for what rclone's
	// settings say, else 32.
	Transfers int
	// Replication is whose generations these must be; empty for anybody's.
	Replication string
	// Log takes what rclone says, without credentials. Default: nowhere.
	Log *slog.Logger
}

// Store is an object store with the generations of one replication. It is safe
// for concurrent use.
type Store struct {
	config  Config
	log     *slog.Logger
	name    string // of the remote, for people
	backend backend
	// settings carries rclone's settings; its cancellation means nothing.
	settings context.Context
	secrets  *redactor
	limit    *rate.Limiter // nil for none
	// large bounds how many uploads in parts there are at a time: each holds
	// several parts in memory.
	large   *semaphore.Weighted
	hashers sync.Pool // of *manifest.Hasher
	bytes   atomic.Int64
	// unconditional is set when the server refuses preconditions as such.
	unconditional atomic.Bool
}

// backend is what rclone made of the remote.
type backend struct {
	fs.Fs
	// s3 says that all objects are in one bucket of an S3 store, whatever
	// renames or encrypts them.
	s3 bool
	// crypt says that names are encrypted, which makes them longer.
	crypt bool
	// ranged is Fs, or another one that knows the size of an object before it
	// reads it, as ranges need, at the cost of one request more.
	ranged func() (fs.Fs, error)
}

const (
	// defaultTransfers is nearly twice as fast as 16 at a store that is 100 ms away;
	// more gain less and take more memory.
	defaultTransfers = 32
	// maxLarge is how many large files travel at a time: rclone holds several parts of
	// each in memory. Its own bound of that memory is none to use: a part that is larger
	// than the bound would wait for ever.
	maxLarge = 2
)

// Open reads the configuration and prepares the remote. It need not reach the
// server for that. What is wrong with the configuration is a usage error.
//
// Rclone's settings are those of the process: stores that are open at the same
// time must have the same ConfigDir and CA.
func Open(ctx context.Context, config Config) (*Store, error) {
	s := &Store{config: config, log: config.Log, large: semaphore.NewWeighted(maxLarge)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	remote, err := fspath.Parse(config.Remote)
	if err != nil || config.Remote == "" {
		return nil, step.Usage("--remote %q is not a remote of rclone: want NAME:PATH with a section [NAME] in rclone.conf", redactURL(config.Remote))
	}
	if s.name = remote.Path; remote.Name != "" {
		s.name = remote.Name + ":" + remote.Path
	}
	if err := s.configure(ctx); err != nil {
		return nil, err
	}
	if config.BytesPerSecond > 0 {
		burst := int(min(max(config.BytesPerSecond, minBurst), maxBurst))
		s.limit = rate.NewLimiter(rate.Limit(config.BytesPerSecond), burst)
	}
	return s, nil
}

// String is the remote without anything secret.
func (s *Store) String() string { return s.name }

// Context returns ctx with rclone's settings of this store.
func (s *Store) Context(ctx context.Context) context.Context {
	return fs.CopyConfig(ctx, s.settings)
}

// Transfers is how many objects should travel at a time.
func (s *Store) Transfers() int { return fs.GetConfig(s.settings).Transfers }

// Stats is what a store did since it was opened.
type Stats struct {
	// Bytes is how much content was sent and received, repetitions among it.
	Bytes int64
}

// Stats may be called at any time.
func (s *Store) Stats() Stats { return Stats{Bytes: s.bytes.Load()} }

// makeBackend makes the remote. The caller holds the lock of the settings.
func (s *Store) makeBackend() (backend, error) {
	kinds := kindsOf(s.config.Remote)
	b := backend{s3: isS3(kinds), crypt: slices.Contains(kinds, "crypt")}
	if !b.s3 {
		f, err := s.newFs()
		b.Fs, b.ranged = f, func() (fs.Fs, error) { return f, nil }
		return b, err
	}
	f, err := withoutHead(s.newFs)
	b.Fs, b.ranged = f, sync.OnceValues(func() (fs.Fs, error) {
		process.Lock()
		defer process.Unlock()
		return freshly(s.newFs)
	})
	return b, err
}

func (s *Store) newFs() (fs.Fs, error) {
	f, err := fs.NewFs(s.settings, s.config.Remote)
	switch {
	case errors.Is(err, fs.ErrorIsFile):
		// Some backends say so when they may not look, too.
		if _, err := f.List(s.settings, ""); err != nil {
			return nil, s.failed(err, "look at %s", s.name)
		}
		return nil, step.Usage("--remote %s is an object: want the path of a directory", s.name)
	case errors.Is(err, fs.ErrorNotFoundInConfigFile):
		return nil, step.Usage("--remote %s: rclone.conf in --config has no such section", s.name)
	case err != nil && !isConfiguration(err):
		return nil, s.failed(err, "open %s", s.name)
	case err != nil:
		return nil, step.Usage("--remote %s: %w", s.name, s.secrets.error(err))
	}
	if bottom := fs.UnWrapFs(f); !isUnion(bottom) && bottom.Features().BucketBased && bottom.Root() == "" {
		return nil, step.Usage("--remote %s names no bucket: want NAME:BUCKET/PATH", s.name)
	}
	return f, nil
}

const (
	minBurst = 64 << 10
	maxBurst = 1 << 20
	// atOnce is how long what must be done even when the step is being ended
	// may take.
	atOnce = 10 * time.Second
)
