package report

import (
	"bytes"
	"fmt"
	"os"

	"github.com/google/renameio/v2"
)

// A Section is a part of a document that a report replaces: what stands between
// the comments NAME:begin and NAME:end.
type Section string

// The sections of the README.
const (
	SSH Section = "bench"
	S3  Section = "bench-s3"
)

func (s Section) begin() string { return "<!-- " + string(s) + ":begin -->" }
func (s Section) end() string   { return "<!-- " + string(s) + ":end -->" }

// Update replaces the section in the file at path with the report as Markdown.
// Nothing is written when its markers are not there exactly once, in order.
func (s Section) Update(path string, r *Report) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("update the section %s: %w", s, err)
	}
	var content bytes.Buffer
	r.Markdown(&content)
	updated, err := s.replace(old, content.Bytes())
	if err != nil {
		return fmt.Errorf("update the section %s of %s: %w", s, path, err)
	}
	if err := renameio.WriteFile(path, updated, 0o644, renameio.WithExistingPermissions()); err != nil {
		return fmt.Errorf("update the section %s of %s: %w", s, path, err)
	}
	return nil
}

// Check reports why [Section.Update] could not write the file at path, so that one
// knows before hours of measuring.
func (s Section) Check(path string) error {
	text, err := os.ReadFile(path)
	if err == nil {
		_, err = s.replace(text, nil)
	}
	if err != nil {
		return fmt.Errorf("the section %s of %s: %w", s, path, err)
	}
	return nil
}

func (s Section) replace(text, content []byte) ([]byte, error) {
	begin, err := locate(text, s.begin())
	if err != nil {
		return nil, err
	}
	end, err := locate(text, s.end())
	if err != nil {
		return nil, err
	}
	if end < begin {
		return nil, fmt.Errorf("%s stands before %s", s.end(), s.begin())
	}
	var out bytes.Buffer
	out.Write(text[:begin+len(s.begin())])
	out.WriteString("\n\n")
	out.Write(bytes.TrimSpace(content))
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
