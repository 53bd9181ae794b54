package objectstore

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	rclone "github.com/rclone/rclone/fs"
)

// levelOf is how much rclone need say for the log.
func levelOf(log *slog.Logger) rclone.LogLevel {
	ctx := context.Background()
	switch {
	case log == nil:
		return rclone.LogLevelError
	case log.Enabled(ctx, slog.LevelDebug):
		return rclone.LogLevelDebug
	case log.Enabled(ctx, slog.LevelInfo):
		return rclone.LogLevelInfo
	case log.Enabled(ctx, slog.LevelWarn):
		return rclone.LogLevelWarning
	}
	return rclone.LogLevelError
}

// sink is where rclone's records go: to the log of the store that was opened
// last, as rclone has one logger only.
type sink struct {
	handler slog.Handler
	secrets *redactor
}

var current atomic.Pointer[sink]

var install = sync.OnceFunc(func() { rclone.SetLogger(forwarder{}) })

// forwardLogs makes log the one that rclone writes to.
func forwardLogs(log *slog.Logger, secrets *redactor) {
	current.Store(&sink{handler: log.Handler(), secrets: secrets})
	install()
}

// forwarder is rclone's slog handler.
type forwarder struct{}

// level maps rclone's levels between and above those of slog.
func level(l slog.Level) slog.Level {
	switch {
	case l > slog.LevelError:
		return slog.LevelError
	case l == rclone.SlogLevelNotice:
		return slog.LevelInfo
	}
	return l
}

// Enabled reports whether the log takes records of the level.
func (forwarder) Enabled(ctx context.Context, l slog.Level) bool {
	return current.Load().handler.Enabled(ctx, level(l))
}

// Handle hands a record on without credentials.
func (forwarder) Handle(ctx context.Context, record slog.Record) error {
	to := current.Load()
	clean := slog.NewRecord(record.Time, level(record.Level), "rclone: "+to.secrets.text(record.Message), 0)
	record.Attrs(func(a slog.Attr) bool {
		if a.Key != "objectType" {
			clean.AddAttrs(slog.String(a.Key, to.secrets.text(a.Value.String())))
		}
		return true
	})
	return to.handler.Handle(ctx, clean)
}

// WithAttrs and WithGroup are not used by rclone.
func (f forwarder) WithAttrs([]slog.Attr) slog.Handler { return f }

// WithGroup returns f.
func (f forwarder) WithGroup(string) slog.Handler { return f }
