package step

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/backube/scribe-gen/steps/contract"
)

// writeTermination writes the outcome to the file that was asked for, or to
// Kubernetes' own where it exists. That one is a mount, so it is written in
// place.
func writeTermination(file string, out contract.Outcome) error {
	if file == "" || file == contract.DefaultTerminationFile {
		f, err := os.OpenFile(contract.DefaultTerminationFile, os.O_WRONLY|os.O_TRUNC, 0)
		if os.IsNotExist(err) && file == "" {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = f.Write(out.Encode())
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		return err
	}
	return WriteFile(file, out.Encode())
}

// WriteFile writes a product of a step for others to read (mode 0644, its
// directory 0755): all of it or nothing. An empty name is no file.
func WriteFile(name string, data []byte) error {
	if name == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := renameio.WriteFile(name, data, 0o644, renameio.IgnoreUmask(), renameio.WithTempDir(filepath.Dir(name))); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
