package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// Kustomization is a kustomize file that somebody else wrote in a site's directory
// and that does not fit the bundles there.
type Kustomization struct {
	Path string
	// Missing are the bundles that it does not name as resources, Gone those that it
	// names and that were removed.
	Missing, Gone []string
}

// foreignKustomization returns the path of a kustomization that somebody else wrote,
// if there is one. ours says that the one of the first name is not.
func foreignKustomization(dir string, ours bool) (string, error) {
	for i, name := range kustomizationNames {
		if i == 0 && ours {
			continue
		}
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", nil
}

// compareResources compares the resources of somebody's kustomization with the
// bundles beside it.
func compareResources(file string, bundles, removed []string) (Kustomization, error) {
	k := Kustomization{Path: file}
	data, err := os.ReadFile(file)
	if err != nil {
		return k, err
	}
	var content struct {
		Resources []string `json:"resources"`
	}
	if err := yaml.Unmarshal(data, &content); err != nil {
		return k, fmt.Errorf("%s: finding out which bundles it lists: %w", file, err)
	}
	named := map[string]bool{}
	for _, r := range content.Resources {
		named[filepath.Clean(r)] = true
	}
	for _, name := range bundles {
		if !named[name] {
			k.Missing = append(k.Missing, name)
		}
	}
	for _, gone := range removed {
		if name := filepath.Base(gone); filepath.Dir(gone) == filepath.Dir(file) && named[name] {
			k.Gone = append(k.Gone, name)
		}
	}
	return k, nil
}
