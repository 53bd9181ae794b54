package rclonepull

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"golang.org/x/sys/unix"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/privilege"
	"github.com/backube/scribe-gen/steps/internal/rclonepull/replica"
	"github.com/backube/scribe-gen/steps/internal/step"
)

// judge refuses a plan that may not, or cannot, be applied.
func (p *pull) judge(plan *replica.Plan) error {
	p.env.Log.Info("compared", "entries", plan.Entries, "replicaEntries", plan.Present, "changes", plan.Changes,
		"fetch", plan.Fetch, "bytes", plan.FetchBytes, "deletions", plan.Deletions)
	if plan.Entries <= 1 && plan.Present > 1 && !p.args.AllowEmptySource {
		return step.Refuse(contract.RefusedEmptySource,
			"generation %d is empty and would empty the replica: check the source, or allow it with guard.allowEmptySource", p.generation.Number)
	}
	if plan.Unkept > 0 {
		more := ""
		if n := plan.Unkept - int64(len(plan.UnkeptNames)); n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		return step.Refuse(contract.RefusedPrivileges,
			"the replica cannot keep %d entries: %s%s; nothing was changed: use mover.privileges Owner, or leave them out with filters",
			plan.Unkept, strings.Join(plan.UnkeptNames, ", "), more)
	}
	if err := p.limit.Deletions(plan.Deletions, plan.Present, plan.DeletionNames); err != nil {
		return err
	}
	p.remark(plan)
	return p.room(plan)
}

// remark warns of what is not kept, but no reason to refuse.
func (p *pull) remark(plan *replica.Plan) {
	if plan.Foreign > 0 {
		keeps := privilege.Keeps()
		p.warn("%d entries have an owner or group that this mover may not keep (mover.privileges is Restricted): they become %d:%d",
			plan.Foreign, keeps.UID, keeps.GID)
	}
	if plan.Protected > 0 {
		p.warn("%d directories are gone from the source but stay at the replica, as they hold what the filters leave out", plan.Protected)
	}
}

// room refuses a plan whose result does not fit the replica's file system.
func (p *pull) room(plan *replica.Plan) error {
	var st unix.Statfs_t
	if err := unix.Statfs(p.args.Root, &st); err != nil {
		return fmt.Errorf("look for space at %s: %w", p.args.Root, err)
	}
	available := int64(st.Bavail) * st.Bsize
	needed := max(plan.Space, plan.LargestReplaced-plan.Freed)
	if needed > available {
		return step.Refuse(contract.RefusedVolume,
			"generation %d does not fit the replica: it takes %s more, and %s of the file system's %s are available; nothing was changed: enlarge the claim %s",
			p.generation.Number, bytes(needed), bytes(available), bytes(int64(st.Blocks)*st.Bsize), p.args.Claim)
	}
	if inodes := plan.Made - plan.Removed; st.Files > 0 && inodes > int64(st.Ffree) {
		return step.Refuse(contract.RefusedVolume,
			"generation %d does not fit the replica: it takes %d more inodes, and the file system has %d left of %d; nothing was changed: make the claim %s with a larger file system",
			p.generation.Number, inodes, st.Ffree, st.Files, p.args.Claim)
	}
	return nil
}

func bytes(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
