package filter

// glob is a pattern with wildcards.
type glob []token

// token matches one byte, or with a star any number of them.
type token struct {
	kind kind
	set  *set
}

type kind int

const (
	one   kind = iota // a byte of the set
	many              // bytes but slashes
	all               // any bytes
	never             // nothing: the pattern is malformed here
)

// compile understands a pattern byte by byte.
func compile(pattern string) glob {
	var g glob
	for i := 0; i < len(pattern); {
		var t token
		switch c := pattern[i]; {
		case c == '*':
			t.kind = many
			for i++; i < len(pattern) && pattern[i] == '*'; i++ {
				t.kind = all
			}
		case c == '?':
			t.set = anyByte()
			i++
		case c == '[':
			if t.set, i = bracket(pattern, i+1); t.set == nil {
				return append(g, token{kind: never})
			}
		case c == '\\' && i+1 == len(pattern):
			return append(g, token{kind: never})
		case c == '\\':
			t.set = single(pattern[i+1])
			i += 2
		default:
			t.set = single(c)
			i++
		}
		g = append(g, t)
	}
	return g
}

// match reports whether the whole text matches. Of every star it tries the
// shortest text first. When what follows a star that stops at slashes does not
// match, only that star or, beyond a slash, the last one that does not stop can
// take more: all that came before them took as little as possible. So the time
// is bounded by the product of both lengths.
func (g glob) match(text string) bool {
	type resume struct{ token, text int }
	var afterMany, afterAll *resume
	var marks [2]resume
	t, i := 0, 0
	for t < len(g) || i < len(text) {
		if t < len(g) {
			switch token := g[t]; {
			case token.kind == many:
				t++
				marks[0] = resume{t, i}
				afterMany = &marks[0]
				continue
			case token.kind == all:
				t++
				marks[1] = resume{t, i}
				afterAll, afterMany = &marks[1], nil
				continue
			case i == len(text):
				return false
			case token.kind == one && token.set.has(text[i]):
				t, i = t+1, i+1
				continue
			}
		}
		switch {
		case afterMany != nil && afterMany.text < len(text) && text[afterMany.text] != '/':
			afterMany.text++
			t, i = afterMany.token, afterMany.text
		case afterAll != nil && afterAll.text < len(text):
			afterAll.text++
			t, i, afterMany = afterAll.token, afterAll.text, nil
		default:
			return false
		}
	}
	return true
}
