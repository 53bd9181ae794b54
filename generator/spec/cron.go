package spec

import (
	"fmt"
	"strings"
	"time"
	// Time zones are part of the binary: images and small hosts have none.
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ExpandCron returns a schedule's five fields, separated by single spaces: those
// of a word such as @daily, or what was given. The error says why a schedule
// cannot be used: engines take five fields in the notation of robfig/cron, and
// have a field of their own for the time zone.
func ExpandCron(schedule string) (string, error) {
	if strings.ContainsFunc(schedule, unprintable) {
		return "", fmt.Errorf("must not contain control characters")
	}
	fields := strings.Fields(schedule)
	if len(fields) == 0 {
		return "", fmt.Errorf(`must be five fields such as "*/15 * * * *", or @hourly, @daily, @weekly, @monthly, @yearly`)
	}
	if zone, _, ok := strings.Cut(fields[0], "="); ok && (zone == "TZ" || zone == "CRON_TZ") {
		return "", fmt.Errorf("must not begin with a time zone; put it into schedule.timeZone")
	}
	if strings.HasPrefix(fields[0], "@") {
		return expandWord(fields)
	}
	switch {
	case len(fields) == 6 || len(fields) == 7:
		return "", fmt.Errorf("has %d fields; seconds and years are not supported: write minute, hour, day of month, month and day of week", len(fields))
	case len(fields) != 5:
		return "", fmt.Errorf("has %d fields, must have five: minute, hour, day of month, month and day of week", len(fields))
	}
	five := strings.Join(fields, " ")
	parsed, err := cron.ParseStandard(five)
	if err != nil {
		return "", err
	}
	if parsed.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return "", fmt.Errorf("never comes: there is no such date")
	}
	return five, nil
}

// expandWord returns the five fields of a word for a schedule.
func expandWord(fields []string) (string, error) {
	switch word := fields[0]; {
	case word == "@every":
		return "", fmt.Errorf(`@every is not supported, as it counts from when a controller started; write fields such as "*/15 * * * *"`)
	case word == "@reboot":
		return "", fmt.Errorf("@reboot is not supported: there is nothing that boots")
	case len(fields) > 1:
		return "", fmt.Errorf("%s takes nothing after it", word)
	}
	switch fields[0] {
	case "@hourly":
		return "0 * * * *", nil
	case "@daily", "@midnight":
		return "0 0 * * *", nil
	case "@weekly":
		return "0 0 * * 0", nil
	case "@monthly":
		return "0 0 1 * *", nil
	case "@yearly", "@annually":
		return "0 0 1 1 *", nil
	}
	words := []string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}
	return "", fmt.Errorf("%s is not known; %s", fields[0], suggestion(fields[0], words))
}

func validateSchedule(s Schedule, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.Cron == "" {
		errs = append(errs, field.Required(p.Child("cron"), "leave out the schedule to run on demand only"))
	} else if _, err := ExpandCron(s.Cron); err != nil {
		errs = append(errs, field.Invalid(p.Child("cron"), s.Cron, err.Error()))
	}
	return append(errs, validateTimeZone(s.TimeZone, p.Child("timeZone"))...)
}

// validateTimeZone refuses "Local" besides unknown zones: it is another one on
// each machine.
func validateTimeZone(zone string, p *field.Path) field.ErrorList {
	if strings.EqualFold(zone, "local") || strings.EqualFold(zone, "localtime") {
		return field.ErrorList{field.Invalid(p, zone, "depends on the machine; name a zone such as Etc/UTC or Europe/Berlin")}
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "" {
		return field.ErrorList{field.Invalid(p, zone, "must be a name of the IANA time zone database such as Etc/UTC or Europe/Berlin")}
	}
	return nil
}
