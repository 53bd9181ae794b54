package report

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func wall(seconds ...float64) []Sample {
	var samples []Sample
	for _, s := range seconds {
		samples = append(samples, Sample{Wall: time.Duration(s * float64(time.Second))})
	}
	return samples
}

func TestMedianAndSpread(t *testing.T) {
	for name, c := range map[string]struct {
		samples        []Sample
		median, spread float64
	}{
		"one":   {wall(3), 3, 0},
		"two":   {wall(1, 3), 2, 1},
		"three": {wall(9, 1, 2), 2, 4},
		"four":  {wall(4, 1, 3, 2), 2.5, 1.2},
		"zero":  {wall(0, 0), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			assert.InDelta(t, c.median, median(c.samples, metrics[0].value), 1e-9)
			assert.InDelta(t, c.spread, spread(c.samples, metrics[0].value), 1e-9)
		})
	}
	assert.True(t, math.IsNaN(median(nil, metrics[0].value)))
	assert.Zero(t, spread(nil, metrics[0].value))
}

func TestFormats(t *testing.T) {
	assert.Equal(t, "1.24 s", seconds(1.236))
	assert.Equal(t, "12.3 s", seconds(12.34))
	assert.Equal(t, "123 s", seconds(123.4))
	assert.Equal(t, "2.0 GiB", size(2<<30))
	assert.Equal(t, "–", dash(math.NaN(), size))
	assert.Equal(t, "–", dash(math.Inf(1), size))
}

func example() *Report {
	sample := func(seconds float64, wire, memory int64) Sample {
		return Sample{
			Wall: time.Duration(seconds * float64(time.Second)), CPU: time.Duration(1.5 * seconds * float64(time.Second)),
			Wire: wire, Memory: memory,
		}
	}
	own := sample(4, 2<<30, 60<<20)
	own.Others = 0.25
	own.Push, own.PushChildren, own.Listen, own.ListenChildren = 15<<20, 8<<20, 16<<20, 21<<20
	return &Report{
		Ours:       "scribe",
		Contenders: []string{"VolSync", "pv-migrate", "scribe"},
		Rows: []Row{
			{Workload: "2 GiB in 8 files, first copy", Samples: map[string][]Sample{
				"VolSync":    {sample(8, 2<<30, 30<<20), sample(8.2, 2<<30, 30<<20), sample(7.9, 2<<30, 30<<20)},
				"pv-migrate": {sample(6, 2<<30, 30<<20)},
				"scribe":     {own},
			}},
			{Workload: "a | b", Samples: map[string][]Sample{
				"VolSync": {sample(100, 1000, 1<<20)},
				"scribe":  {sample(150, 0, 1<<20)},
			}},
		},
		Flat:  []Row{{Workload: "10,000 files", Samples: map[string][]Sample{"scribe": {own}}}},
		Facts: []string{"2 cores"},
	}
}

// golden compares got with the file testdata/name.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	example().Text(&b)
	golden(t, "report.txt", b.Bytes())
}

func TestMarkdown(t *testing.T) {
	var b bytes.Buffer
	example().Markdown(&b)
	golden(t, "report.md", b.Bytes())
}

func TestWithoutOursThereAreNoRatios(t *testing.T) {
	r := example()
	r.Contenders = r.Contenders[:2]
	r.Flat = nil
	var b bytes.Buffer
	r.Markdown(&b)
	assert.NotContains(t, b.String(), "/")
	assert.NotContains(t, b.String(), "scribe")
}

func TestUpdate(t *testing.T) {
	for name, c := range map[string]struct{ text, want, problem string }{
		"replaced": {
			text: "a\n" + Begin + "\nold\n" + End + "\nb\n",
			want: "a\n" + Begin + "\n\n- 2 cores\n\n" + End + "\nb\n",
		},
		"empty":   {text: Begin + End, want: Begin + "\n\n- 2 cores\n\n" + End},
		"missing": {text: "a\n" + Begin, problem: "the marker <!-- bench:end --> must be there once, not 0 times"},
		"twice":   {text: Begin + Begin + End, problem: "not 2 times"},
		"swapped": {text: End + Begin, problem: "stands before"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "README.md")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o644))
			err := Update(path, &Report{Facts: []string{"2 cores"}})
			got, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			assert.Equal(t, c.problem != "", CheckMarkers(path) != nil)
			if c.problem != "" {
				assert.ErrorContains(t, err, c.problem)
				assert.Equal(t, c.text, string(got))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, string(got))
		})
	}
	assert.Error(t, Update(filepath.Join(t.TempDir(), "absent"), &Report{}))
}
