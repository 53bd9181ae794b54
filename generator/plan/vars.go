package plan

// Variables stand in arguments and mount sources for what is only known when a
// run starts. They look like "$[run]"; an engine replaces them with its own
// notation, and spec validation refuses "$[" in what users write.
const (
	// Run is the run ID.
	Run = "$[run]"
)

// Output is the value of another step's output.
func Output(step, output string) string { return "$[steps." + step + "." + output + "]" }

// File is the path of the file in which a step itself writes an output.
func File(output string) string { return "$[files." + output + "]" }

// ParamValue is the value of one of the pipeline's parameters.
func ParamValue(name string) string { return "$[params." + name + "]" }

// MountPath is where a mount of the same step is seen.
func MountPath(mount string) string { return "$[mounts." + mount + "]" }
