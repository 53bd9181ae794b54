package local

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// ProgressMessage is the message of the log lines in which movers tell how far
// they are, with the integer attributes bytes, total, files and entries, and
// rate in bytes per second.
const ProgressMessage = "progress"

// record is what the engine reads of a step's log line.
type record struct {
	Time    time.Time  `json:"time"`
	Level   slog.Level `json:"level"`
	Message string     `json:"msg"`

	Bytes   int64   `json:"bytes"`
	Total   int64   `json:"total"`
	Files   int64   `json:"files"`
	Entries int64   `json:"entries"`
	Rate    float64 `json:"rate"`
}

// known are the attributes of log lines that a Line has fields for, or that are
// the same in all lines of a run.
var known = []string{"time", "level", "msg", "step", "replication", "relationship", "run", "attempt"}

// parseLine reads one line of a step's output. Exactly one of the results is not
// nil. What is no log line is passed on as a warning, because steps print
// nothing else unless something is wrong with them.
func parseLine(text []byte) (*Line, *Progress) {
	var rec record
	var attrs map[string]any
	if json.Unmarshal(text, &attrs) != nil || attrs["msg"] == nil {
		return &Line{Level: slog.LevelWarn, Message: string(text)}, nil
	}
	// Attributes of another type than progress has are not an error elsewhere.
	err := json.Unmarshal(text, &rec)
	if err == nil && rec.Message == ProgressMessage {
		return nil, &Progress{Bytes: rec.Bytes, Total: rec.Total, Files: rec.Files, Entries: rec.Entries, Rate: rec.Rate}
	}
	line := &Line{Time: rec.Time, Level: level(attrs["level"]), Message: fmt.Sprint(attrs["msg"])}
	_, line.Last = attrs["exit"]
	for key, value := range attrs {
		if !slices.Contains(known, key) && value != "" && value != nil {
			line.Attrs = append(line.Attrs, fmt.Sprintf("%s=%s", key, attrText(value)))
		}
	}
	slices.Sort(line.Attrs)
	return line, nil
}

// level reads slog's name of a level; Info when it is none.
func level(v any) slog.Level {
	var l slog.Level
	if text, ok := v.(string); !ok || l.UnmarshalText([]byte(text)) != nil {
		return slog.LevelInfo
	}
	return l
}

// attrText is a value of a log line for people.
func attrText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
