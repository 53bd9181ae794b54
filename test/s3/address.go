package s3

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// address is where a server listens.
type address struct{ host, port string }

func (o Options) address() (address, error) {
	if o.Address == "" {
		return address{"127.0.0.1", "0"}, nil
	}
	host, port, err := net.SplitHostPort(o.Address)
	if err != nil {
		return address{}, fmt.Errorf("address %q: %w: write it as host:port", o.Address, err)
	}
	return address{host, port}, nil
}

func (a address) String() string { return net.JoinHostPort(a.host, a.port) }

// free reports whether the server may choose its port.
func (a address) free() bool { return a.port == "0" }

// chosen returns the address with a port that is free now, for programs that
// cannot tell which one they chose.
func (a address) chosen(ctx context.Context) (address, error) {
	if !a.free() {
		return a, nil
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", a.String())
	if err != nil {
		return a, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	_, a.port, err = net.SplitHostPort(l.Addr().String())
	return a, err
}

// endpoint is the URL for clients. One that listens on every address is reached
// at loopback.
func (a address) endpoint(tls bool) string {
	if ip, err := netip.ParseAddr(a.host); a.host == "" || err == nil && ip.IsUnspecified() {
		a.host = "127.0.0.1"
	}
	if tls {
		return "https://" + a.String()
	}
	return "http://" + a.String()
}
