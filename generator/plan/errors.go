package plan

import "fmt"

// UnsupportedError says that an engine cannot do what a spec asks for. It is found when compiling, never by a pod.
type UnsupportedError struct {
	// Engine is the one that cannot; empty when none can.
	Engine string
	// Path is the field of the spec, such as spec.rclone.
	Path string
	// Reason says why, and what to do instead.
	Reason string
}

// Error names the field, the engine and the reason.
func (e *UnsupportedError) Error() string {
	if e.Engine == "" {
		return fmt.Sprintf("%s: not supported: %s", e.Path, e.Reason)
	}
	return fmt.Sprintf("%s: not supported by engine %s: %s", e.Path, e.Engine, e.Reason)
}
