package objectstore

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"
)

// claim is the announcement of one attempt to write a record. Whoever has
// announced itself and then sees no other announcement for the number, and no
// record, may write: of two that do so at the same time at least one sees the
// other, and then steps back for a random time. That needs nothing of a store
// but listings that show what was written before.
type claim struct {
	store *Store
	name  string
	// standing is the record that was there first; there is no claim then.
	standing *Generation
}

const (
	// longestClaim is how long another's announcement is heeded from when it was
	// first seen: its push was killed, as what follows it takes two requests.
	longestClaim = time.Minute
	// longestContest is how long a push announces itself over and over.
	longestContest = 5 * time.Minute
)

// announcement is what a claim says to whoever looks.
type announcement struct {
	Run string    `json:"run"`
	At  time.Time `json:"at"`
}

// claim announces the push until it is alone or a record stands.
func (s *Store) claim(ctx context.Context, parent *Generation, g Generation) (claim, error) {
	prefix := fmt.Sprintf("%08d-", g.Number)
	c := claim{store: s, name: dirClaims + "/" + prefix + rand.Text() + jsonSuffix}
	seen := map[string]time.Time{}
	for begun := time.Now(); time.Since(begun) < longestContest; {
		if err := s.writeJSON(ctx, c.name, announcement{Run: g.Run, At: time.Now().UTC()}); err != nil {
			c.release()
			return claim{}, err
		}
		alone, err := s.alone(ctx, prefix, c.name, seen)
		if err == nil {
			c.standing, err = s.standing(ctx, parent, g)
		}
		if err == nil && c.standing == nil && alone {
			return c, nil
		}
		c.release()
		if err != nil || c.standing != nil {
			return c, err
		}
		if err := pause(ctx, time.Duration(50+mathrand.IntN(950))*time.Millisecond); err != nil {
			return claim{}, err
		}
	}
	return claim{}, fmt.Errorf("commit generation %d to %s: other pushes announced themselves for %s (in %s/): see which of them are at work",
		g.Number, s.name, longestContest, dirClaims)
}

// alone reports whether nobody else has announced itself for a number. It
// removes what killed pushes left; seen is when each was first seen.
func (s *Store) alone(ctx context.Context, prefix, own string, seen map[string]time.Time) (bool, error) {
	objects, err := s.list(ctx, dirClaims)
	if err != nil {
		return false, err
	}
	alone := true
	for _, o := range objects {
		name := o.Remote()
		if name == own || !strings.HasPrefix(name, dirClaims+"/"+prefix) {
			continue
		}
		if _, ok := seen[name]; !ok {
			seen[name] = time.Now()
		}
		if time.Since(seen[name]) < longestClaim {
			alone = false
			continue
		}
		if err := s.remove(ctx, name); err != nil {
			return false, err
		}
	}
	return alone, nil
}

// release takes the announcement back, also when the step is being ended.
func (c claim) release() {
	ctx, cancel := context.WithTimeout(context.Background(), atOnce)
	defer cancel()
	if err := c.store.remove(ctx, c.name); err != nil {
		c.store.log.Warn("an announcement stays in the object store; others wait a minute for it", "error", err.Error())
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
