package report

import (
	"bytes"
	"fmt"
	"os"

	"github.com/google/renameio/v2"
)

// The markers around the section that [Update] replaces.
const (
	Begin = "<!-- bench:begin -->"
	End   = "<!-- bench:end -->"
)

// Update replaces what stands between the markers in the file at path with the
// report as Markdown. Nothing is written when the markers are not there exactly
// once, in order.
func Update(path string, r *Report) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("update the bench section: %w", err)
	}
	var section bytes.Buffer
	r.Markdown(&section)
	updated, err := replace(old, section.Bytes())
	if err != nil {
		return fmt.Errorf("update the bench section of %s: %w", path, err)
	}
	if err := renameio.WriteFile(path, updated, 0o644, renameio.WithExistingPermissions()); err != nil {
		return fmt.Errorf("update the bench section of %s: %w", path, err)
	}
	return nil
}

// CheckMarkers reports why [Update] could not write the file at path, so that one
// knows before hours of measuring.
func CheckMarkers(path string) error {
	text, err := os.ReadFile(path)
	if err == nil {
		_, err = replace(text, nil)
	}
	if err != nil {
		return fmt.Errorf("the bench section of %s: %w", path, err)
	}
	return nil
}

func replace(text, section []byte) ([]byte, error) {
	begin, err := locate(text, Begin)
	if err != nil {
		return nil, err
	}
	end, err := locate(text, End)
	if err != nil {
		return nil, err
	}
	if end < begin {
		return nil, fmt.Errorf("%s stands before %s", End, Begin)
	}
	var out bytes.Buffer
	out.Write(text[:begin+len(Begin)])
	out.WriteString("\n\n")
	out.Write(bytes.TrimSpace(section))
	out.WriteString("\n\n")
	out.Write(text[end:])
	return out.Bytes(), nil
}

func locate(text []byte, marker string) (int, error) {
	if n := bytes.Count(text, []byte(marker)); n != 1 {
		return 0, fmt.Errorf("the marker %s must be there once, not %d times", marker, n)
	}
	return bytes.Index(text, []byte(marker)), nil
}
