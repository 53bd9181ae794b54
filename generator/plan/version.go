package plan

// Version is the version of scribe-gen, and of the image of steps that belongs
// to it.
const Version = series + ".0"

// series is the version without its patch.
const series = "0.1"

// Image is the image of the steps unless the spec names another. Its tag is that of
// the series and moves with each patch: bundles in Git must not differ because
// another patch of scribe-gen compiled them. Whoever wants to decide when a patch
// arrives names an image, best by digest.
const Image = "ghcr.io/backube/scribe-gen-steps:" + series
