package link

import (
	"time"

	"golang.org/x/crypto/ssh"
)

// stayAlive asks the peer for a sign of life and closes the connection when it
// gives none, until the connection ends.
func stayAlive(c ssh.Conn) {
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	answers := make(chan struct{}, keepAliveMissed)
	for missed := 0; ; {
		select {
		case <-ended:
			return
		case <-answers:
			missed = 0
		case <-tick.C:
			if missed++; missed > keepAliveMissed {
				_ = c.Close()
				return
			}
			go func() {
				if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err == nil {
					answers <- struct{}{}
				}
			}()
		}
	}
}

// closeDeadline is how long closing waits for the peer to take the rest.
func closeDeadline() time.Time { return time.Now().Add(5 * time.Second) }
