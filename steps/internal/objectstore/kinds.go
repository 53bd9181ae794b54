package objectstore

import (
	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/cache"
)

// maxWrapped is more than anybody lays over a remote, and ends a circle.
const maxWrapped = 8

// kindsOf lists the backends of a remote from the top down, through those that
// only rename or encrypt. It is short when the configuration is not right.
func kindsOf(remote string) []string {
	var kinds []string
	for len(kinds) < maxWrapped {
		info, _, _, config, err := fs.ConfigFs(remote)
		if err != nil {
			return kinds
		}
		kinds = append(kinds, info.Name)
		if info.Name != "alias" && info.Name != "crypt" {
			return kinds
		}
		remote, _ = config.Get("remote")
	}
	return kinds
}

func isS3(kinds []string) bool { return len(kinds) > 0 && kinds[len(kinds)-1] == "s3" }

// isUnion reports whether f has several others below, each with its own root.
func isUnion(f fs.Fs) bool {
	kind := fs.Type(f)
	return kind == "union" || kind == "combine"
}

// withoutHead makes a backend in which an S3 object that is named exists until
// it is read, and one that was written is there as it was sent: no HEAD request
// goes before a GET or after a PUT. The options are read while it is made, and
// those that the user gives come first. The caller holds the lock of the
// settings.
func withoutHead(make func() (fs.Fs, error)) (fs.Fs, error) {
	options := fs.MustFind("s3").Options
	// These two stay: both ways of making one need them.
	options.SetDefault("no_head", true)
	options.SetDefault("no_check_bucket", true)
	options.SetDefault("no_head_object", true)
	defer options.SetDefault("no_head_object", false)
	return freshly(make)
}

// freshly keeps rclone from using what it made before with other options.
func freshly(make func() (fs.Fs, error)) (fs.Fs, error) {
	cache.Clear()
	defer cache.Clear()
	return make()
}
