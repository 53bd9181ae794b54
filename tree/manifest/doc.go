// Package manifest writes, reads and compares manifests of trees. A manifest is
// the list of all entries of a tree with their attributes and the hashes of
// their contents. Its digest identifies the tree.
//
// # Format
//
// A manifest is text in one zstd stream, so zstd -dc prints it and two of them
// can be given to diff. Any level of compression will do whose window is at most
// 8 MiB, as those up to 19 are. Lines end with a newline:
//
//	scribe-manifest 1
//	.	d0755	0:0	1700000000.000000000	-	-
//	data	d0750	1000:1000	1700000000.123456789	-	-
//	data/a\x20name	f0644	0:0	1699999999.000000001	5	ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f	|	layer=first
//	data/b	l0777	0:0	1699999999.000000000	-	-	target=a\x20name
//	data/c	f0644	0:0	1699999999.000000001	5	ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f	link=data/a\x20name
//	end entries=5 bytes=5 digest=blake3:77118d24a94a5b6334f65070022ffab701d59f79483fca78128ddabf9c285e5b
//
// The first line names the format. The last one has the number of entries, the
// size of all regular files together in bytes, of those without link= only, and
// the digest. Nothing follows it. A manifest without it is incomplete.
//
// Every line between stands for one entry. Columns are separated by one tab:
//
//	path    relative to the root, "." for the root itself
//	type    as find(1) prints it, f d l p s c or b, and four octal digits of mode
//	owner   user ID, colon, group ID
//	mtime   seconds since the epoch with nine decimals; before it, with a minus sign
//	size    of regular files in bytes, otherwise -
//	hash    BLAKE3-256 of a regular file's content in hex; - when it has none or nobody knows it
//
// and then, in this order, what applies of
//
//	target= what a symbolic link holds; always there for one
//	rdev=   major, colon, minor number of a device node; always there for one
//	link=   the first path in the manifest that names the same file
//	xattr=  name, equals sign, value of an extended attribute; sorted bytewise by name
//
// POSIX ACLs are the extended attributes system.posix_acl_access and
// system.posix_acl_default. What follows a column that is a vertical bar says how
// the entry is kept and may differ between manifests of equal trees:
//
//	data=   ranges of data in a file with holes: offset, plus sign, length, comma, …
//	layer=  the push that stored the content in an object store
//	object= the object's name there, when it does not follow from the path
//	inode=  inode number in the tree that was read
//	ctime=  when the entry last changed there, written as mtime
//
// In paths, targets, names and values, a byte below 0x21, 0x7f, a backslash and
// every byte that is not part of valid UTF-8 is written as \xHH, with lower case
// digits; in names of extended attributes the equals sign, too. Nothing else is
// written so. Numbers are decimal without leading zeros. So there is one way to
// write an entry, and a line with anything else in it is invalid.
//
// The root comes first, a directory before what is in it, the names in a
// directory bytewise. No path is there twice, and none without its directory. All
// names of a file repeat its attributes, size and hash, and all but the first
// have link=. The permission bits of symbolic links are 0777.
//
// # Digest
//
// The digest is the BLAKE3-256 of the lines of the entries, each up to the
// vertical bar and the tab before it, or to its end, followed by a newline. So it
// does not depend on how the manifest is compressed nor on where the contents
// are:
//
//	zstd -dc FILE | sed '1d; $d; s/\t|.*//' | b3sum
package manifest
