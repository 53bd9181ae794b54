// Package filter says which paths of a tree rsync's filter rules leave out,
// without rsync.
//
// It reads what --filter="merge FILE" reads, as far as the rules are
//
//	exclude PATTERN    or  - PATTERN    leave out
//	include PATTERN    or  + PATTERN    keep
//
// with a space or an underscore after the rule, blank lines, and comments that
// begin with # or ; in the first column. The first rule that matches a path
// decides; a path that none matches is kept. All below a directory that is left
// out is left out too, whatever the rules say of it. Names are bytes: a question
// mark matches one of them, also of several that make a letter.
//
// A pattern that begins with a slash is matched against the whole path from the
// root. One with a slash elsewhere is matched against as many components at the
// end of the path as it has itself; one with ** in it against the end of the
// path from any component on; any other against the last component. One that
// ends in a slash matches directories only.
//
//	?          one byte but a slash
//	*          any bytes but slashes
//	**         any bytes
//	[a-z]      one byte of a set but a slash; [!a-z] and [^a-z] one that is not in it; [[:alpha:]]
//	dir/***    the directory and all below it
//	\          takes the next byte as it is, in patterns with * ? or [; elsewhere it is itself
package filter
