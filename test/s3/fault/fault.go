// Package fault puts a proxy in front of an S3 server that fails as networks and
// busy stores do, and that counts what passes.
//
//	proxy, err := fault.Start(server, fault.Options{})
//	proxy.Use(fault.Every(3, fault.SlowDown(), fault.Put))
//	conf := proxy.Config("store") // as of the server, at the proxy's endpoint
//	...
//	fmt.Println(proxy.Counts())
//
// A hook decides on each request; Every and First make the usual ones. The
// proxy speaks HTTP/1.1 only, as AWS does, so that a cut connection is one, and
// leaves headers as they are, so that signatures hold.
package fault

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/backube/scribe-gen/test/s3"
)

const (
	// stopWithin is how long requests under way may still take when a proxy
	// stops. Their connections are cut then.
	stopWithin = time.Second
	// headersWithin bounds how long a client may take to say what it wants.
	headersWithin = 10 * time.Second
)

// A Hook decides what happens to a request. It is called by many goroutines at
// once, and must leave the request as it is. One that blocks holds the request
// back, until the hook returns.
type Hook func(*http.Request) Action

// Options of a proxy. All of them may be left out.
type Options struct {
	// Address is host:port to listen on. Default: a free port on 127.0.0.1.
	Address string
	// Names are further DNS names and IP addresses for the certificate.
	Names []string
	// Hook is used from the start. Default: everything passes.
	Hook Hook
}

// A Proxy forwards requests to a server until Stop. It speaks TLS when the
// server does, with a certificate of the same authority.
type Proxy struct {
	// Access is that of the server, at the proxy's endpoint.
	s3.Access

	hook     atomic.Pointer[Hook]
	counts   counters
	server   *http.Server
	ended    chan error
	stopping context.Context // ends when the proxy stops, and with it delays
	stop     context.CancelFunc
}

// Start starts a proxy in front of a server that runs.
func Start(server *s3.Server, o Options) (*Proxy, error) {
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	p := &Proxy{ended: make(chan error, 1)}
	p.stopping, p.stop = context.WithCancel(context.Background())
	p.Use(o.Hook)
	forward, err := p.forward(server)
	if err != nil {
		return nil, fmt.Errorf("start a proxy of %s: %w", server.Endpoint, err)
	}
	l, err := p.listen(server, o)
	if err != nil {
		return nil, fmt.Errorf("start a proxy of %s: %w", server.Endpoint, err)
	}
	p.server = &http.Server{
		Handler:           p.handler(forward),
		ReadHeaderTimeout: headersWithin,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // failing is what it does
	}
	go func() { p.ended <- p.server.Serve(l) }()
	return p, nil
}

// listen opens the proxy's port and sets Access.
func (p *Proxy) listen(server *s3.Server, o Options) (net.Listener, error) {
	l, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, err
	}
	l = countedListener{l, &p.counts}
	scheme := "http://"
	if server.TLS() {
		host, _, err := net.SplitHostPort(o.Address)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		certificate, err := server.Certificate(append(slices.Clone(o.Names), host)...)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		scheme = "https://"
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}})
	}
	p.Access = server.Access.At(scheme + l.Addr().String())
	return l, nil
}

// forward is the proxy proper. It keeps the Host that the client signed.
func (p *Proxy) forward(server *s3.Server) (*httputil.ReverseProxy, error) {
	target, err := url.Parse(server.Endpoint)
	if err != nil {
		return nil, err
	}
	roots, err := server.Roots()
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots},
			DisableCompression:  true,
			MaxIdleConnsPerHost: 64,
		},
		FlushInterval:  -1, // so that what comes before a cut arrives
		ModifyResponse: func(r *http.Response) error { return stageOf(r.Request).response(r) },
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:       slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}, nil
}

// Use sets the hook for the requests from now on; nil lets everything pass.
func (p *Proxy) Use(h Hook) {
	if h == nil {
		h = func(*http.Request) Action { return Action{} }
	}
	p.hook.Store(&h)
}

// Stop ends the proxy; requests that are still under way after a second are
// cut.
func (p *Proxy) Stop() error {
	p.stop()
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if p.server.Shutdown(ctx) != nil {
		_ = p.server.Close()
	}
	if err := <-p.ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("proxy at %s: %w", p.Endpoint, err)
	}
	p.ended <- http.ErrServerClosed
	return nil
}
