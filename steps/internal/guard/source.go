package guard

import (
	"fmt"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
	"github.com/backube/scribe-gen/tree"
)

// Source refuses a source that holds nothing, unless that is allowed: a volume
// that was not mounted looks like that.
func Source(root string, allowEmpty bool) error {
	empty, err := tree.Empty(root)
	if err != nil {
		return fmt.Errorf("look at the source: %w", err)
	}
	if !empty || allowEmpty {
		return nil
	}
	return step.Refuse(contract.RefusedEmptySource,
		"the source %s is empty, and an empty source would empty the replica: check that the volume is the right one, or allow it with guard.allowEmptySource", root)
}
