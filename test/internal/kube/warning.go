package kube

import (
	"context"
	"sync"
)

// warnings are those of the requests made with one context.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

type warningsKey struct{}

// withWarnings returns a context whose requests gather their warnings.
func withWarnings(ctx context.Context) (context.Context, *warnings) {
	w := &warnings{}
	return context.WithValue(ctx, warningsKey{}, w), w
}

func (w *warnings) list() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.texts
}

// collector hands a warning of the server to the request's context. Those of
// requests that do not gather them are dropped.
type collector struct{}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
// Code 299 is the only one that Kubernetes uses.
func (collector) HandleWarningHeaderWithContext(ctx context.Context, code int, _, text string) {
	w, ok := ctx.Value(warningsKey{}).(*warnings)
	if !ok || code != 299 || text == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}
