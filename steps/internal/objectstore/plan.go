package objectstore

// plan is what a collection removes.
type plan struct {
	records   []int64
	manifests []garbage
	abandoned []Push   // that never committed
	committed []string // names of pushes that did not take their marker away
	pins      []string // relationships
}

// garbage is a manifest without records, and those that may refer to the same
// objects.
type garbage struct {
	name    string
	against []string
}

// plan decides what goes.
func (held inventory) plan(c Collection) plan {
	var p plan
	recorded := map[string]bool{}
	for _, g := range held.records {
		recorded[g.Name] = true
	}
	kept := map[int64]bool{}    // numbers of generations
	pushes := map[string]bool{} // names of pushes that did not commit
	for _, push := range held.pushes {
		switch {
		case recorded[push.Name]:
			p.committed = append(p.committed, push.Name)
		case c.Now.Sub(push.Seen) > c.Grace:
			p.abandoned = append(p.abandoned, push)
			pushes[push.Name] = true
		default:
			pushes[push.Name], kept[push.Parent] = true, true
		}
	}
	pinned := map[string]bool{} // names of manifests
	for _, pin := range held.pins {
		if pin.Until.Before(c.Now) {
			p.pins = append(p.pins, pin.Relationship)
			continue
		}
		kept[pin.Generation], pinned[pin.Name] = true, true
	}
	if len(held.records) == 0 {
		return p // nothing says what the manifests are good for
	}
	names := held.keep(c, kept, pinned)
	for _, g := range held.records {
		if !kept[g.Number] {
			p.records = append(p.records, g.Number)
		}
	}
	p.manifests = held.garbage(names, pushes)
	return p
}

// keep adds the numbers that rules keep to kept, and returns the names of the
// manifests that stay.
func (held inventory) keep(c Collection, kept map[int64]bool, pinned map[string]bool) map[string]bool {
	rules := c.Policy.Keeps()
	asked, names := map[string]bool{}, map[string]bool{}
	for i, g := range held.records {
		newest := !asked[g.Name]
		asked[g.Name] = true
		switch {
		case newest && rules(g.RecoveryPoint), newest && pinned[g.Name], i == 0:
			kept[g.Number] = true
		case c.Now.Sub(held.records[i-1].Created) < c.Grace:
			kept[g.Number] = true
		}
		if kept[g.Number] {
			names[g.Name] = true
		}
	}
	return names
}

// garbage lists the manifests that no kept record has, each with those kept
// ones that it must be compared with. Of a generation whose place in the history
// is known those are its neighbours, as an object is referred to by generations
// that follow each other; of another one they are all.
func (held inventory) garbage(names, pushes map[string]bool) []garbage {
	var found []garbage
	var order, all []string // names, newest first
	known := map[string]bool{}
	for _, g := range held.records {
		if known[g.Name] {
			continue
		}
		known[g.Name] = true
		order = append(order, g.Name)
		if names[g.Name] {
			all = append(all, g.Name)
		}
	}
	for i, name := range order {
		if !names[name] {
			found = append(found, garbage{name, neighbours(order, names, i)})
		}
	}
	for name := range held.manifests {
		if !known[name] && !pushes[name] {
			found = append(found, garbage{name, all})
		}
	}
	return found
}

// neighbours are the next kept names on both sides.
func neighbours(order []string, names map[string]bool, i int) []string {
	var next []string
	for newer := i - 1; newer >= 0; newer-- {
		if names[order[newer]] {
			next = append(next, order[newer])
			break
		}
	}
	for older := i + 1; older < len(order); older++ {
		if names[order[older]] {
			return append(next, order[older])
		}
	}
	return next
}
