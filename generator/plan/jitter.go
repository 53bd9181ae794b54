package plan

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// later moves a schedule of five fields by some minutes that follow from the name
// alone: at least one, and at most half the period and half an hour. Those who pull
// what was pushed on the same schedule come after the push and not all at once.
//
// Only the minutes move. Where they would pass the end of the hour, and not every
// hour of every day starts a run, they move less: a start at 23:59 must not become
// one of another day. A schedule of every minute stays as it is.
func later(expression string, period time.Duration, name string) string {
	schedule, err := cron.ParseStandard(expression)
	parsed, ok := schedule.(*cron.SpecSchedule)
	fields := strings.Fields(expression)
	most := int(min(period/2, 30*time.Minute) / time.Minute)
	if err != nil || !ok || len(fields) != 5 || most < 1 {
		return expression
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	offset := 1 + int(h.Sum32()%uint32(most))
	starts := minutes(parsed.Minute)
	hourly := !slices.ContainsFunc(fields[1:], func(f string) bool { return f != "*" })
	if last := starts[len(starts)-1]; !hourly {
		offset = min(offset, 59-last)
	}
	for i := range starts {
		starts[i] = (starts[i] + offset) % 60
	}
	slices.Sort(starts)
	fields[0] = printed(starts)
	return strings.Join(fields, " ")
}

// minutes are those that a parsed field has.
func minutes(bits uint64) []int {
	var list []int
	for m := range 60 {
		if bits&(1<<m) != 0 {
			list = append(list, m)
		}
	}
	return list
}

func printed(minutes []int) string {
	texts := make([]string, len(minutes))
	for i, m := range minutes {
		texts[i] = strconv.Itoa(m)
	}
	return strings.Join(texts, ",")
}
