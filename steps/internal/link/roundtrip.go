package link

import "time"

// RoundTrip measures how long the server takes to answer, as the shorter of two
// tries.
func (c *Client) RoundTrip() time.Duration {
	var best time.Duration
	for range 2 {
		start := time.Now()
		if _, _, err := c.ssh.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			return best
		}
		if took := time.Since(start); best == 0 || took < best {
			best = took
		}
	}
	return best
}
