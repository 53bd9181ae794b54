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
			assert.InDelta(t, c.median, median(c.samples, wallTime.value), 1e-9)
			assert.InDelta(t, c.spread, spread(c.samples, wallTime.value), 1e-9)
		})
	}
	assert.True(t, math.IsNaN(median(nil, wallTime.value)))
	assert.Zero(t, spread(nil, wallTime.value))
}

func TestFormats(t *testing.T) {
	assert.Equal(t, "1.24 s", seconds(1.236))
	assert.Equal(t, "12.3 s", seconds(12.34))
	assert.Equal(t, "123 s", seconds(123.4))
	assert.Equal(t, "2.0 GiB", size(2<<30))
	assert.Equal(t, "20,004", count(20_004))
	assert.Equal(t, "0.59", proportion(0.594))
	assert.Equal(t, "0.005", proportion(2.0/409))
	assert.Equal(t, "0.00", proportion(0))
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

func store() *Report {
	of := func(seconds float64, requests map[string]int64) []Sample {
		return []Sample{{Wall: time.Duration(seconds * float64(time.Second)), Wire: 1 << 20, Memory: 60 << 20, Requests: requests}}
	}
	return &Report{
		Ours: "scribe", Contenders: []string{"VolSync", "scribe"}, Kinds: []string{"PUT", "COPY", "GET"},
		Rows: []Row{
			{Workload: "20,000 files: first push", Samples: map[string][]Sample{
				"VolSync": of(12, map[string]int64{"PUT": 20_001, "GET": 2}), "scribe": of(8, map[string]int64{"PUT": 20_004}),
			}},
			{Workload: "20,000 files: nothing changed", Samples: map[string][]Sample{
				"VolSync": of(1, map[string]int64{"PUT": 1}), "scribe": of(0.2, nil),
			}},
		},
		Facts: []string{"2 cores"},
	}
}

func TestRequests(t *testing.T) {
	var b bytes.Buffer
	store().Markdown(&b)
	golden(t, "store.md", b.Bytes())
	b.Reset()
	store().Text(&b)
	golden(t, "store.txt", b.Bytes())
}

func TestSectionsAreApart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	text := SSH.begin() + "ssh" + SSH.end() + S3.begin() + "s3" + S3.end()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	require.NoError(t, S3.Update(path, &Report{Facts: []string{"2 cores"}}))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, SSH.begin()+"ssh"+SSH.end()+S3.begin()+"\n\n- 2 cores\n\n"+S3.end(), string(got))
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
	begin, end := SSH.begin(), SSH.end()
	for name, c := range map[string]struct{ text, want, problem string }{
		"replaced": {
			text: "a\n" + begin + "\nold\n" + end + "\nb\n",
			want: "a\n" + begin + "\n\n- 2 cores\n\n" + end + "\nb\n",
		},
		"empty":   {text: begin + end, want: begin + "\n\n- 2 cores\n\n" + end},
		"missing": {text: "a\n" + begin, problem: "the marker <!-- bench:end --> must be there once, not 0 times"},
		"twice":   {text: begin + begin + end, problem: "not 2 times"},
		"swapped": {text: end + begin, problem: "stands before"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "README.md")
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o644))
			err := SSH.Update(path, &Report{Facts: []string{"2 cores"}})
			got, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			assert.Equal(t, c.problem != "", SSH.Check(path) != nil)
			if c.problem != "" {
				assert.ErrorContains(t, err, c.problem)
				assert.Equal(t, c.text, string(got))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, string(got))
		})
	}
	assert.Error(t, SSH.Update(filepath.Join(t.TempDir(), "absent"), &Report{}))
}
