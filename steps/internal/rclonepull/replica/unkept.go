package replica

import (
	"fmt"

	"github.com/backube/scribe-gen/steps/internal/privilege"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/manifest"
)

// noteUnkept takes note of what this process cannot keep of an entry.
func (p *Plan) noteUnkept(e *manifest.Entry) {
	keeps := p.replica.Keeps
	if keeps.All() {
		return
	}
	if !keeps.Owners && (int(e.UID) != keeps.UID || int(e.GID) != keeps.GID) {
		p.Foreign++
	}
	if why := privilege.Unkept(e.Mode, e.Xattrs, keeps); why != "" {
		if p.Unkept++; len(p.UnkeptNames) < namesShown {
			p.UnkeptNames = append(p.UnkeptNames, fmt.Sprintf("%q (%s)", e.Path, why))
		}
	}
}

// typeOf is the type of an entry in words.
func typeOf(e *manifest.Entry) string { return tree.Entry{Mode: e.Mode}.Type() }
