package plan

// Version is the version of scribe-gen, and of the image of steps that belongs
// to it.
const Version = "0.1.0"

// Image is the image of the steps unless the spec names another.
const Image = "ghcr.io/backube/scribe-gen-steps:" + Version
