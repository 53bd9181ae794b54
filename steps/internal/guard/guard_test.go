package guard

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backube/scribe-gen/steps/contract"
	"github.com/backube/scribe-gen/steps/internal/step"
)

func TestLimit(t *testing.T) {
	for text, want := range map[string]int64{"": math.MaxInt64, "0": 0, "7": 7, "50%": 5, "0%": 0, "100%": 9, "1%": 1, "33.4%": 4} {
		l, err := ParseLimit(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, l.Of(9), text)
		assert.Equal(t, text != "", l.Set())
	}
	for _, text := range []string{"-1", "x", "101%", "-1%", "%", "1e3", "NaN%", "5 %"} {
		_, err := ParseLimit(text)
		assert.Error(t, err, text)
	}
}

func TestDeletions(t *testing.T) {
	l, err := ParseLimit("2")
	require.NoError(t, err)
	assert.NoError(t, l.Deletions(2, 10, nil))
	err = l.Deletions(5, 10, []string{"a\nb", "c"})
	assert.Equal(t, contract.RefusedDeletions, step.Refusal(err))
	assert.Equal(t, contract.ExitRefused, step.Code(err))
	assert.ErrorContains(t, err, `"a\nb", "c" and 3 more`)
}
