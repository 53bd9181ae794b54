//go:build cluster

package kubernetes_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// recorder notes what is asked of the API server.
type recorder struct {
	next  http.RoundTripper
	mutex sync.Mutex
	asked []string
}

// RoundTrip implements http.RoundTripper.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mutex.Lock()
	r.asked = append(r.asked, asked(req))
	r.mutex.Unlock()
	return r.next.RoundTrip(req)
}

// asked is a request as RBAC sees it: "verb resource [name]".
func asked(req *http.Request) string {
	path := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
	path = path[map[string]int{"api": 2, "apis": 3}[path[0]]:]
	if path[0] == "namespaces" && len(path) > 2 {
		path = path[2:]
	}
	query, name := req.URL.Query(), ""
	if selected, ok := strings.CutPrefix(query.Get("fieldSelector"), "metadata.name="); ok {
		name = selected
	}
	verb := map[string]string{
		http.MethodGet: "get", http.MethodPost: "create", http.MethodPut: "update",
		http.MethodPatch: "patch", http.MethodDelete: "delete",
	}[req.Method]
	switch {
	case len(path) > 1:
		name = path[1]
	case query.Get("watch") == "true" || query.Get("watch") == "1":
		verb = "watch"
	case verb == "get":
		verb = "list"
	}
	return strings.TrimSpace(verb + " " + path[0] + " " + name)
}

// rights is what was asked for, in the terms of what was granted: without the name
// where all names were.
func (r *recorder) rights(granted []string) []string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var all []string
	for _, a := range r.asked {
		verb := strings.Join(strings.Fields(a)[:2], " ")
		if !slices.Contains(granted, a) && slices.Contains(granted, verb) {
			a = verb
		}
		all = append(all, a)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
