package fault

import (
	"net/http"
	"strings"
)

// An Operation is what a request asks of a store, as far as stores charge and
// limit them differently.
type Operation string

// The operations. All but Bucket and Other are about objects.
const (
	Put  Operation = "PUT"
	Get  Operation = "GET"
	Head Operation = "HEAD"
	// List is of objects, versions of them, or multipart uploads.
	List Operation = "LIST"
	// Delete is of one object or of many at once.
	Delete Operation = "DELETE"
	// Copy is done by the server, of an object or of a part of one.
	Copy Operation = "COPY"
	// Part is one part of a multipart upload.
	Part Operation = "PART"
	// Multipart begins, completes or aborts a multipart upload.
	Multipart Operation = "MULTIPART"
	// Bucket makes, removes or looks at a bucket or its settings.
	Bucket Operation = "BUCKET"
	Other  Operation = "OTHER"
)

// OperationOf tells what a request with the bucket in its path asks for.
func OperationOf(r *http.Request) Operation {
	query := r.URL.Query()
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if key == "" {
		return ofBucket(r.Method, query.Has)
	}
	switch {
	case r.Header.Get("X-Amz-Copy-Source") != "":
		return Copy
	case r.Method == http.MethodPut && query.Has("uploadId"):
		return Part
	case query.Has("uploads"), query.Has("uploadId") && r.Method != http.MethodGet:
		return Multipart
	}
	switch o := Operation(r.Method); o {
	case Put, Get, Head, Delete:
		return o
	}
	return Other
}

// ofBucket is for requests without a key.
func ofBucket(method string, has func(string) bool) Operation {
	switch {
	case method == http.MethodPost && has("delete"):
		return Delete
	case method != http.MethodGet:
		return Bucket
	case has("location"), has("versioning"), has("acl"), has("policy"), has("object-lock"):
		return Bucket
	}
	return List
}
