package spec_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"

	"github.com/backube/scribe-gen/generator/spec"
)

// FuzzDecode parses anything. Whatever is valid must be the same after it was
// written and read again, and no problem may break a line.
func FuzzDecode(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/invalid/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Add([]byte("&a [*a]"))
	f.Add([]byte("apiVersion: scribe.backube/v1alpha1\nkind: Replication\nspec: &s {sites: *s}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		replications, problems := spec.Parse("fuzz.yaml", data)
		for _, p := range problems {
			assert.False(t, strings.ContainsAny(p.String(), "\n\r\x1b"), "%q", p.String())
		}
		if len(problems) == 0 {
			assert.NotEmpty(t, replications)
		}
		for _, r := range replications {
			text, err := yaml.Marshal(r)
			require.NoError(t, err)
			again, problems := spec.Parse("again.yaml", text)
			require.NoError(t, problems.Err(), "%s", text)
			require.Len(t, again, 1)
			assert.True(t, equality.Semantic.DeepEqual(r, again[0]), "%s", text)
		}
	})
}

func FuzzExpandCron(f *testing.F) {
	for _, seed := range []string{"*/15 * * * *", "@daily", "TZ=x", "0 0 1-5/2,7 jan mon", "? ? ? ? ?"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cron string) {
		five, err := spec.ExpandCron(cron)
		if err != nil {
			return
		}
		assert.Len(t, strings.Split(five, " "), 5)
		again, err := spec.ExpandCron(five)
		require.NoError(t, err)
		assert.Equal(t, five, again)
	})
}
