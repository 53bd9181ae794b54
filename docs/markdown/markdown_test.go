package markdown

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestProse(t *testing.T) {
	const text = `
Reads every *.yaml of <DIR>, but not ` + "`*_old`" + `.

  FILE: FIELD.PATH: problem
    more
`
	const want = "Reads every \\*.yaml of \\<DIR>, but not `*_old`.\n\n```text\nFILE: FIELD.PATH: problem\n  more\n```\n"
	assert.Equal(t, want, Prose(text))
}

func TestCode(t *testing.T) {
	assert.Equal(t, "```sh\n# one\n\ntwo \\\n  --three\n```\n", Code("sh", "  # one\n\n  two \\\n    --three\n"))
	assert.Equal(t, "```\n\n```\n", Code("", ""))
}

func TestTable(t *testing.T) {
	assert.Equal(t, "| a | b |\n|---|---|\n| `1` | x \\| y |\n", Table([]string{"a", "b"}, [][]string{{Word("1"), "x | y"}}))
	assert.Empty(t, Word(""))
}
