package objectstore

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http/httptrace"
)

// whileTrusted returns a context that ends when a server shows a certificate
// that is not trusted, with that as its cause: libraries take it for a fault of
// the network and try for minutes.
func whileTrusted(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			var untrusted *tls.CertificateVerificationError
			if errors.As(err, &untrusted) {
				cancel(untrusted)
			}
		},
	}), cancel
}
