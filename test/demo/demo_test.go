package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSummarizeObjects(t *testing.T) {
	summary, err := summarizeObjects([]byte(`# header
kind: Role
metadata: {name: b, namespace: two}
---
kind: Role
metadata: {name: a, namespace: two}
---
kind: Service
metadata: {name: c, namespace: one}
`))
	require.NoError(t, err)
	assert.Equal(t, "NAMESPACE  KIND     NAMES\none        Service  c\ntwo        Role     b, a\n", summary)
	_, err = summarizeObjects(nil)
	assert.ErrorContains(t, err, "no objects")
	_, err = summarizeObjects([]byte("kind: ["))
	assert.Error(t, err)
}

func TestShorten(t *testing.T) {
	assert.Equal(t, "short", shorten("short"))
	long := shorten(strings.Repeat("é", 200))
	assert.True(t, utf8.ValidString(long))
	assert.Equal(t, strings.Repeat("é", 96)+"...", long)
}

func TestBinariesMustExist(t *testing.T) {
	var out strings.Builder
	err := run(t.Context(), []string{"-bin", t.TempDir(), "-example", "../../examples/local"}, &out)
	assert.ErrorContains(t, err, "scribe-gen")
}
