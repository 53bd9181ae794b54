// Package objectstore keeps the generations of a replication in an object
// store, through rclone used as a library. It knows how content, manifests and
// records are laid out, who may write them and when they may go; it knows
// nothing of volumes.
//
// Below the path of the remote, of which each replication has its own:
//
//	generations/00000042.json  record of generation 42, JSON; written last
//	manifests/<name>.zst       manifest of a generation, of package manifest
//	files/<layer>/<path>       content, under its path in the tree
//	long/<layer>/<hex>         content whose path the store could not take
//	readers/<relationship>.json  a reader at work, and until when
//	pushes/<name>.json         a push under way
//	claims/<number>-<nonce>.json  a push about to write the record
//
// The record with the greatest number is the latest generation: whoever reads
// lists the directory, so that there is no second place that could disagree.
// A name is <recovery point>-<first 10 hex of sha256(run ID)>, the recovery
// point in UTC as 20060102T150405.000000000Z. The content that one push
// uploaded is a layer, which has the name of that push; a manifest names, for
// each file, the layer that holds it.
//
// What everything rests on:
//
//   - A manifest refers to the push's own layer and to objects that the
//     manifest of its parent generation refers to, and to nothing else. So the
//     generations that refer to an object follow each other without a gap, and
//     [Store.Collect] need compare a manifest only with its neighbours.
//   - An object is not written again once the record of its layer's push is
//     there.
//   - Listings show what was written before. Those of S3 and of file systems
//     do.
package objectstore
