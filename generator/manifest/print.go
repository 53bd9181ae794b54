package manifest

// Print returns one object as YAML, as bundles have it: with sorted keys, and without
// what upstream types print although nothing was set.
func Print(o Object) ([]byte, error) { return marshal(o) }
