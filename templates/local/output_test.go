package local

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParseLine(t *testing.T) {
	for name, test := range map[string]struct {
		text     string
		line     *Line
		progress *Progress
	}{
		"log line": {
			text: `{"level":"WARN","msg":"m","step":"rsync push","run":"r","n":3,"list":["a"],"empty":"","none":null}`,
			line: &Line{Level: slog.LevelWarn, Message: "m", Attrs: []string{`list=["a"]`, "n=3"}},
		},
		"last words": {
			text: `{"level":"ERROR","msg":"failed","error":"it broke","exit":1}`,
			line: &Line{Level: slog.LevelError, Message: "failed", Last: true, Attrs: []string{"error=it broke", "exit=1"}},
		},
		"progress":             {text: `{"msg":"progress","bytes":1,"total":2,"files":3,"entries":4,"rate":5}`, progress: &Progress{Bytes: 1, Total: 2, Files: 3, Entries: 4, Rate: 5}},
		"attributes of others": {text: `{"msg":"m","bytes":"many"}`, line: &Line{Message: "m", Attrs: []string{"bytes=many"}}},
		"no level":             {text: `{"msg":"m","level":7}`, line: &Line{Message: "m"}},
		"words":                {text: `panic: no`, line: &Line{Level: slog.LevelWarn, Message: "panic: no"}},
		"other JSON":           {text: `{"a":1}`, line: &Line{Level: slog.LevelWarn, Message: `{"a":1}`}},
		"empty":                {text: ``, line: &Line{Level: slog.LevelWarn}},
	} {
		t.Run(name, func(t *testing.T) {
			line, progress := parseLine([]byte(test.text))
			assert.Equal(t, test.line, line)
			assert.Equal(t, test.progress, progress)
		})
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(`{"msg":"progress","bytes":1}`)
	f.Add(`{"msg":{},"level":"INFO"}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, text string) {
		line, progress := parseLine([]byte(text))
		assert.True(t, (line == nil) != (progress == nil))
	})
}
