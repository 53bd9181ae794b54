// Package archive builds the image of the steps without a container engine and
// without a registry: the steps, and Debian's rsync with exactly the
// files that it needs to run, from the packages that are installed.
//
// The image has two layers. The first is Debian's files and the few that every
// image has (passwd, group, /tmp): it changes when a package does. The second is
// the steps: one binary, and a symbolic link to it with the name of each step
// program. There is no shell, no package manager and no interpreter in
// it. Entries are sorted, owned by root and dated at the epoch, so that the same
// packages and the same sources give the same digest.
//
// Each package with a file in the image has its copyright notice, the licences
// that this refers to, and an entry in /var/lib/dpkg/status.d, where scanners of
// images without a dpkg database look for versions.
package archive
