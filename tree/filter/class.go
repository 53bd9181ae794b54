package filter

import "strings"

// classes are the named classes of bytes. No byte beyond ASCII is in one.
var classes = map[string]func(c byte) bool{
	"alnum":  func(c byte) bool { return isAlpha(c) || isDigit(c) },
	"alpha":  isAlpha,
	"blank":  func(c byte) bool { return c == ' ' || c == '\t' },
	"cntrl":  func(c byte) bool { return c < ' ' || c == 0x7f },
	"digit":  isDigit,
	"graph":  isGraph,
	"lower":  isLower,
	"print":  func(c byte) bool { return isGraph(c) || c == ' ' },
	"punct":  func(c byte) bool { return isGraph(c) && !isAlpha(c) && !isDigit(c) },
	"space":  func(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' },
	"upper":  isUpper,
	"xdigit": func(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' },
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isAlpha(c byte) bool { return isLower(c) || isUpper(c) }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isGraph(c byte) bool { return c > ' ' && c < 0x7f }

// isClass reports whether something of the form [:name:] comes next in a set,
// whatever the name.
func isClass(rest string) bool {
	end := strings.IndexByte(rest, ']')
	return strings.HasPrefix(rest, "[:") && end > 2 && rest[end-1] == ':'
}

// addClass adds the class that comes next and returns how many bytes of the
// pattern it takes, 0 if there is no class of that name.
func (s *set) addClass(rest string) int {
	end := strings.IndexByte(rest, ']')
	in, found := classes[rest[len("[:"):end-1]]
	if !found {
		return 0
	}
	for c := range 128 {
		if in(byte(c)) {
			s.add(byte(c))
		}
	}
	return end + 1
}
