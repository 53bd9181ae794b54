package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// LoadImage imports the images of a docker or OCI archive into the cluster's
// node, under the names that the archive gives them, and waits until pods can
// use them.
func (c *Cluster) LoadImage(ctx context.Context, archive string) error {
	if c.ControlPlane {
		return fmt.Errorf("cluster %s is only a control plane and has no node to load images into", c.Name)
	}
	archive, err := filepath.Abs(archive)
	if err != nil {
		return err
	}
	if _, err := os.Stat(archive); err != nil {
		return fmt.Errorf("load image: %w", err)
	}
	out, err := c.ctr(ctx, "images", "import", archive)
	if err != nil {
		return fmt.Errorf("load image archive %s: %w", archive, err)
	}
	names := imported(out)
	if len(names) == 0 {
		return fmt.Errorf("load image archive %s: it names no image: save it with a tag", archive)
	}
	return c.await(ctx, "the kubelet sees "+strings.Join(names, ", "), func(ctx context.Context) error {
		return c.awaitImages(ctx, names)
	}, Containerd)
}

// imported finds the names of images in what ctr prints of an import, such as
// "unpacking localhost/x:1 (sha256:…)...done".
func imported(out string) []string {
	var names []string
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "unpacking" {
			names = append(names, fields[1])
		}
	}
	return names
}

// awaitImages waits until the part of containerd that serves the kubelet has
// marked the images as its own, which it does after the import, on an event.
func (c *Cluster) awaitImages(ctx context.Context, names []string) error {
	for {
		now, err := c.images(ctx)
		if err != nil {
			return err
		}
		var waiting []string
		for _, n := range names {
			if !now[n] {
				waiting = append(waiting, n)
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s not seen", strings.Join(waiting, ", "))
		case <-time.After(probeInterval): // ctr can only list
		}
	}
}

// images are the names of the images that pods can use.
func (c *Cluster) images(ctx context.Context) (map[string]bool, error) {
	out, err := c.ctr(ctx, "images", "list", "-q", `labels."io.cri-containerd.image"==managed`)
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	names := map[string]bool{}
	for _, n := range strings.Fields(out) {
		names[n] = true
	}
	return names, nil
}

// ctr runs containerd's client on the namespace that the kubelet uses.
func (c *Cluster) ctr(ctx context.Context, args ...string) (string, error) {
	args = append([]string{"--address", c.containerd(), "--namespace", "k8s.io"}, args...)
	out, err := exec.CommandContext(ctx, "ctr", args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, last(string(exit.Stderr), 5))
	}
	return string(out), err
}
