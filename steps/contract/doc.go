// Package contract is what the generator and the steps must agree on: the
// arguments of every step, its exit codes and outputs, the names and labels of
// the objects it makes, the state it records, and the layout of a directory
// site. It uses the standard library only, so that neither side pulls in the
// other, and so that a renamed flag is a compile error in the generator instead
// of a pod that fails at night.
package contract
