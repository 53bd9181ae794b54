// Package job is what scenarios do to the data in volumes: fill one, change it,
// wait until something arrives in it, list it. A job is words, so that it can be
// done in this process, on a directory, or by the program workbench in a pod,
// where the volume is mounted.
package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/backube/scribe-gen/test/e2e/internal/listing"
	"github.com/backube/scribe-gen/tree"
	"github.com/backube/scribe-gen/tree/sample"
)

// Image is the name of the image that holds the program workbench as its
// entrypoint, unless another is given.
const Image = "localhost/scribe-test/workbench:1"

// ApplicationID is the user and group that own what [Application] writes.
const ApplicationID = 65532

// Job is the name of a job and its arguments.
type Job []string

// None does nothing: it shows that a program can run.
func None() Job { return Job{"none"} }

// Torture makes everything that a replica must keep and a mover in a pod can see.
func Torture() Job { return Job{"torture"} }

// Volume makes a plausible volume of about that many files; see [sample.Volume].
func Volume(files int, seed uint64) Job {
	return Job{"volume", strconv.Itoa(files), strconv.FormatUint(seed, 10)}
}

// Random makes a file at the root that neither compresses nor repeats, of a size
// in bytes.
func Random(name string, size int) Job { return Job{"random", name, strconv.Itoa(size)} }

// Application makes files as an application leaves them that runs as user and
// group [ApplicationID] under Pod Security Standard restricted.
func Application() Job { return Job{"application"} }

// Mutate changes about n entries; see [sample.Mutate].
func Mutate(n int, seed uint64) Job {
	return Job{"mutate", strconv.Itoa(n), strconv.FormatUint(seed, 10)}
}

// Disguise changes the content of a file in place and puts its time of modification
// back, so that neither that nor its size tells of the change.
func Disguise(name string) Job { return Job{"disguise", name} }

// Receive waits until the volume is not empty, for as long as the context lasts.
func Receive() Job { return Job{"receive"} }

// List prints the volume; see package listing.
func List() Job { return Job{"list"} }

// Writes reports whether the job changes the volume.
func (j Job) Writes() bool {
	switch j[0] {
	case "none", "receive", "list":
		return false
	}
	return true
}

// Run does the job on the tree at root; what it prints goes to out.
func (j Job) Run(ctx context.Context, root string, out io.Writer) error {
	if len(j) == 0 {
		return errors.New("no job was given")
	}
	if err := j.run(ctx, root, out); err != nil {
		return fmt.Errorf("job %q: %w", []string(j), err)
	}
	return nil
}

func (j Job) run(ctx context.Context, root string, out io.Writer) error {
	switch a := (arguments{words: j[1:]}); j[0] {
	case "none":
		return a.done()
	case "torture":
		return a.then(func() error {
			return sample.Torture(root, sample.Options{MaxPath: 3500, NoHuge: true, NoTrusted: true})
		})
	case "volume":
		files, seed := a.number(), a.number()
		return a.then(func() error { return sample.Volume(root, int(files), seed) })
	case "random":
		name, size := a.word(), a.number()
		return a.then(func() error { return random(root, name, size) })
	case "application":
		return a.then(func() error { return application(root) })
	case "mutate":
		n, seed := a.number(), a.number()
		return a.then(func() error { _, err := sample.Mutate(root, int(n), sample.NewRand(seed)); return err })
	case "disguise":
		name := a.word()
		return a.then(func() error { return disguise(root, name) })
	case "receive":
		return a.then(func() error { return receive(ctx, root) })
	case "list":
		return a.then(func() error { return listing.Write(out, root) })
	}
	return errors.New("there is no such job")
}

// receive looks often, as scenarios strike in the middle of a transfer of seconds.
func receive(ctx context.Context, root string) error {
	for {
		if empty, err := tree.Empty(root); err != nil || !empty {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing has arrived: %w", context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// arguments are words that are still to be read, and what was wrong with one.
type arguments struct {
	words []string
	err   error
}

func (a *arguments) word() string {
	if len(a.words) == 0 {
		a.err = errors.New("an argument is missing")
		return ""
	}
	word := a.words[0]
	a.words = a.words[1:]
	return word
}

func (a *arguments) number() uint64 {
	n, err := strconv.ParseUint(a.word(), 10, 62)
	if err != nil && a.err == nil {
		a.err = err
	}
	return n
}

func (a *arguments) done() error {
	if a.err == nil && len(a.words) > 0 {
		return fmt.Errorf("unexpected argument %q", a.words[0])
	}
	return a.err
}

// then does what the arguments are for, when they are right.
func (a *arguments) then(do func() error) error {
	if err := a.done(); err != nil {
		return err
	}
	return do()
}
