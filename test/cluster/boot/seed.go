package boot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/backube/scribe-gen/test/cluster/build"
)

// The API server takes ten seconds of processor time to accept Argo's custom
// resources: each is checked, and then rewritten several times as its status
// changes. It takes two to find them as it left them. So the first cluster keeps
// what its API server wrote of them, and later ones begin with it.

// definitionKeys is where the API server keeps CustomResourceDefinitions in etcd.
const definitionKeys = "/registry/apiextensions.k8s.io/customresourcedefinitions/"

// entries are keys and values as etcd's HTTP gateway has them: in base64.
type entries struct {
	Kvs []struct {
		Key   []byte `json:"key"`
		Value []byte `json:"value"`
	} `json:"kvs"`
}

// seedRecipe changes with the way in which a seed is taken: once, definitions were
// kept that the API server had not established yet, and never did afterwards.
const seedRecipe = "established"

// seedFile is where the custom resources are kept, by everything that decides
// what an API server makes of them.
func (c *Cluster) seedFile(b *build.Builder, s state) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, seedRecipe, filepath.Base(s.Builds[string(build.Kubernetes)]))
	for _, d := range definitions {
		raw, err := os.ReadFile(c.definitions(d.component))
		if err != nil {
			return "", err
		}
		sum.Write(raw)
	}
	return filepath.Join(b.Cache, "definitions", fmt.Sprintf("seed-%x.json", sum.Sum(nil)[:10])), nil
}

// sow puts what an earlier cluster kept into etcd, before the API server starts.
// It does nothing when nothing was kept.
func (c *Cluster) sow(ctx context.Context, file string) error {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var kept entries
	if err == nil {
		err = json.Unmarshal(raw, &kept)
	}
	if err != nil {
		return fmt.Errorf("read custom resources that were kept; remove %s: %w", file, err)
	}
	for _, kv := range kept.Kvs {
		if err := c.etcd(ctx, "put", kv, nil); err != nil {
			return err
		}
	}
	return nil
}

// reap keeps the custom resources that the API server serves by now for later
// clusters.
func (c *Cluster) reap(ctx context.Context, file string) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	var found entries
	end := []byte(definitionKeys)
	end[len(end)-1]++ // the first key behind all that begin so
	if err := c.etcd(ctx, "range", map[string][]byte{"key": []byte(definitionKeys), "range_end": end}, &found); err != nil {
		return err
	}
	raw, err := json.Marshal(found)
	if err == nil {
		err = renameio.WriteFile(file, raw, 0o644)
	}
	if err != nil {
		return fmt.Errorf("keep custom resources: %w", err)
	}
	return nil
}

// etcd calls a method of etcd's key-value service.
func (c *Cluster) etcd(ctx context.Context, method string, request, response any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://etcd/v3/kv/"+method, bytes.NewReader(body))
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", c.etcdSocket())
	}}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return fmt.Errorf("etcd %s: %w", method, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("etcd %s: %w", method, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd %s: %s: %s", method, resp.Status, last(string(answer), 3))
	}
	if response == nil {
		return nil
	}
	return json.Unmarshal(answer, response)
}
