package filter

// set is a set of bytes.
type set [4]uint64

func (s *set) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }
func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *set) remove(c byte)   { s[c>>6] &^= 1 << (c & 63) }

func (s *set) addRange(from, to byte) {
	for c := int(from); c <= int(to); c++ {
		s.add(byte(c))
	}
}

func (s *set) invert() {
	for i := range s {
		s[i] = ^s[i]
	}
}

func single(c byte) *set {
	s := &set{}
	s.add(c)
	return s
}

// anyByte is what a question mark matches.
func anyByte() *set {
	s := single('/')
	s.invert()
	return s
}

// bracket understands a set from what follows its opening bracket on. It returns
// the set and where the pattern goes on, or nil if the set is malformed. A
// closing bracket at once is an element.
func bracket(pattern string, i int) (*set, int) {
	s := &set{}
	inverted := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if inverted {
		i++
	}
	var from byte // of a range that may follow; 0 for none
	for first := true; first || i < len(pattern) && pattern[i] != ']'; first = false {
		rest := pattern[min(i, len(pattern)):]
		switch {
		case rest == "":
			return nil, 0
		case rest[0] == '-' && from != 0 && len(rest) > 1 && rest[1] != ']':
			to, size := element(rest[1:])
			if size == 0 {
				return nil, 0
			}
			s.addRange(from, to)
			from, i = 0, i+1+size
		case isClass(rest):
			size := s.addClass(rest)
			if size == 0 {
				return nil, 0
			}
			from, i = 0, i+size
		default:
			c, size := element(rest)
			if size == 0 {
				return nil, 0
			}
			s.add(c)
			from, i = c, i+size
		}
	}
	if i >= len(pattern) {
		return nil, 0
	}
	if inverted {
		s.invert()
	}
	s.remove('/')
	return s, i + 1
}

// element is the first byte of a set, and how many bytes of the pattern it
// takes: two with a backslash, none if there is nothing after that.
func element(rest string) (c byte, size int) {
	switch {
	case rest[0] != '\\':
		return rest[0], 1
	case len(rest) == 1:
		return 0, 0
	}
	return rest[1], 2
}
