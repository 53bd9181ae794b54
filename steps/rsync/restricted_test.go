package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/stretchr/testify/require"
)

// nobody is a user without any right.
const nobody = 64123

// restrict makes the destination's listener run as a user without privileges, who
// owns the destination site and nothing else.
func (s *sites) restrict() {
	s.t.Helper()
	s.credential = &syscall.Credential{Uid: nobody, Gid: nobody, NoSetGroups: false}
	require.NoError(s.t, filepath.WalkDir(s.dest.Directory, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	}))
	self, err := os.Executable()
	require.NoError(s.t, err)
	binary, err := os.ReadFile(self)
	require.NoError(s.t, err)
	s.self = filepath.Join(s.t.TempDir(), "step")
	require.NoError(s.t, os.WriteFile(s.self, binary, 0o755))
	for dir := filepath.Dir(s.self); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		require.NoError(s.t, os.Chmod(dir, 0o755))
	}
	for dir := filepath.Dir(s.dest.Directory); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		require.NoError(s.t, os.Chmod(dir, 0o755))
	}
}
