package survey

// compareDirs orders directories as they are completed by a walk that visits
// names bytewise and a directory's content before its next sibling: what is in a
// directory comes before the directory, and the root (".") last.
func compareDirs(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == ".":
		return 1
	case b == ".":
		return -1
	}
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		// Where one name ends, it is the shorter and comes first.
		if a[i] == '/' || (b[i] != '/' && a[i] < b[i]) {
			return -1
		}
		return 1
	}
	longer, sign := a, 1
	if len(a) < len(b) {
		longer, sign = b, -1
	}
	if longer[min(len(a), len(b))] == '/' { // one is below the other
		return -sign
	}
	return sign
}
