package objectstore

import (
	"cmp"
	"encoding/json"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/rclone/rclone/fs/config"
	"github.com/rclone/rclone/fs/config/obscure"
	"github.com/rclone/rclone/fs/fspath"
)

// redactor takes credentials out of what people read: those of the
// configuration by their value, and what looks like one in a URL or a header.
type redactor struct{ values *strings.Replacer }

const redacted = "XXX"

var (
	// secretName matches the names of options and variables that hold one.
	secretName = regexp.MustCompile(`(?i)pass|secret|key|token|sas_url|credential|bearer|cookie|header`)
	// placeName matches those of files and addresses.
	placeName = regexp.MustCompile(`(?i)(_file|_path|_dir|_endpoint|(?:auth|token|key)_url)$`)
	// inText matches one in a message.
	inText = regexp.MustCompile(`(?i)\b((?:x-amz-)?(?:signature|security-token|credential)|sig|(?:access_?)?token|password|secret(?:_?access_?key)?|authorization)(=|: ?(?:bearer |basic )?)[^&\s"',]+`)
)

// newRedactor knows the credentials of a remote, of the configuration and of
// the environment.
func newRedactor(remote string, sections config.Storage) *redactor {
	var found []string
	for _, section := range sections.GetSectionList() {
		for _, key := range sections.GetKeyList(section) {
			value, _ := sections.GetValue(section, key)
			found = append(found, secretsIn(key, value)...)
		}
	}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		found = append(found, secretsIn(name, value)...)
	}
	if parsed, err := fspath.Parse(remote); err == nil {
		for key, value := range parsed.Config {
			found = append(found, secretsIn(key, value)...)
		}
	}
	// A secret may begin with another one.
	slices.SortFunc(found, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var pairs []string
	for _, secret := range found {
		pairs = append(pairs, secret, redacted)
	}
	return &redactor{values: strings.NewReplacer(pairs...)}
}

// secretsIn lists the texts by which the value of an option could be seen.
func secretsIn(name, value string) []string {
	if !secretName.MatchString(name) || placeName.MatchString(name) {
		return nil
	}
	found := []string{value, url.QueryEscape(value), url.PathEscape(value)}
	if clear, err := obscure.Reveal(value); err == nil {
		found = append(found, clear, url.QueryEscape(clear))
	}
	var token map[string]any
	if json.Unmarshal([]byte(value), &token) == nil {
		for _, v := range token {
			if text, ok := v.(string); ok {
				found = append(found, text)
			}
		}
	}
	if u, err := url.Parse(value); err == nil {
		for _, parameters := range u.Query() {
			found = append(found, parameters...)
		}
	}
	// What is shorter stands in every other word.
	const shortest = 6
	long := found[:0]
	for _, text := range found {
		if len(text) >= shortest {
			long = append(long, text)
		}
	}
	return long
}

func (r *redactor) text(text string) string {
	if r == nil {
		return redactURL(text)
	}
	return redactURL(r.values.Replace(text))
}

func redactURL(text string) string { return inText.ReplaceAllString(text, "${1}${2}"+redacted) }

// error is err with the text redacted.
func (r *redactor) error(err error) error {
	if err == nil || r.text(err.Error()) == err.Error() {
		return err
	}
	return &redactedError{text: r.text(err.Error()), err: err}
}

type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.err }
