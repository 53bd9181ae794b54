package replica

import (
	"bufio"
	"fmt"
)

// judge decides what is done to each entry of the manifest, one after the other.
type judge struct {
	*Plan
	// claimed says which first name of the manifest keeps a file of the replica
	// that has several names there.
	claimed map[inode]string
	actions *bufio.Writer
}

// take decides on one entry.
func (j *judge) take(c *check) error {
	a := j.decide(c)
	if a != keep && c.excluded {
		return inTheWay(c.path, "it is not as the generation has it")
	}
	if c.links > 1 && (a == keep || a == mend) && c.first == "" {
		j.claimed[c.inode] = c.path
	}
	j.count(c, a)
	if c.done != nil && j.replica.Compared != nil {
		j.replica.Compared(c.size, 1)
	}
	if err := j.actions.WriteByte(byte(a)); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

func (j *judge) decide(c *check) action {
	switch {
	case c.first != "":
		if c.present && c.links > 1 && j.claimed[c.inode] == c.first {
			return keep
		}
		return link
	case !c.present:
		return create
	case !c.sameContent:
		return replace
	case c.links > 1 && j.claimed[c.inode] != "":
		return replace // it is a link to what the manifest keeps apart
	case c.sameAttributes:
		return keep
	case c.links > 1 && (c.links != j.groups[c.path]+1 || j.replica.Filter != nil):
		return replace // to change it would change it under other names, too
	}
	return mend
}

// count adds up what the decision takes.
func (j *judge) count(c *check, a action) {
	switch a {
	case keep:
		return
	case link:
		j.links++
	case create:
		j.Made++
	case replace:
		if c.links <= 1 {
			j.Space -= c.allocated
		}
	}
	j.Changes++
	if c.regular && (a == create || a == replace) && c.size > 0 {
		j.Fetch++
		j.FetchBytes += c.data
		j.Space += c.data
		if a == replace {
			j.LargestReplaced = max(j.LargestReplaced, c.data)
		}
	}
}
