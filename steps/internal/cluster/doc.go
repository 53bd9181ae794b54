// Package cluster is the API server as a step uses it: collections of the objects
// of one resource in a namespace.
//
// Nothing is asked again and again: a wait lists once and then watches. A request
// that the API server could not answer is repeated with growing delays, so that a
// restart of the API server fails no step. Errors say what was asked of which object
// and carry the exit code of the step that they end.
package cluster
