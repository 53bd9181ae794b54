package progress_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/internal/progress"
	"github.com/backube/scribe-gen/steps/internal/step"
)

func meter(t *testing.T, total, entries int64) (m *progress.Meter, said *bytes.Buffer, file string) {
	said, file = &bytes.Buffer{}, filepath.Join(t.TempDir(), "progress")
	env := &step.Env{
		Log:    slog.New(slog.NewTextHandler(said, nil)),
		Getenv: func(name string) string { return map[string]string{"ARGO_PROGRESS_FILE": file}[name] },
	}
	return progress.New(env, "", total, entries), said, file
}

func TestMeter(t *testing.T) {
	m, said, file := meter(t, 1000, 10)
	assert.Equal(t, progress.Done{}, m.Last(), "nothing was done")
	assert.Empty(t, said.String())
	m.Add(700, 1, 3)
	m.Add(-200, 0, 0)
	assert.Equal(t, progress.Done{Bytes: 500, Files: 1, Checked: 3}, m.Last())
	assert.Contains(t, said.String(), "bytes=500 total=1000 percent=50 files=1 checked=3 entries=10")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "50/100\n", string(text))
}

func TestMeterOfWhoKnowsBetter(t *testing.T) {
	m, said, _ := meter(t, 1000, 0)
	m.Set(progress.Done{Bytes: 10, Percent: 40, Entries: 7, Checked: 3})
	m.Last()
	assert.Contains(t, said.String(), "percent=40 files=0 checked=3 entries=7")
}

func TestMeterWithoutBytes(t *testing.T) {
	m, said, _ := meter(t, 0, 4)
	m.Add(0, 0, 1)
	m.Last()
	assert.Contains(t, said.String(), "percent=25 ")
}
