package catalog

import (
	"fmt"
	"maps"
	"path"
)

// Files returns the whole catalog: the content of every file by its path below the
// catalog's folder.
func Files() (map[string][]byte, error) {
	blocks, err := Blocks()
	if err != nil {
		return nil, err
	}
	page, err := overview(blocks)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"README.md": page}
	for _, e := range editions {
		files[path.Join(e.Root, "artifacthub-repo.yml")] = []byte(hubRepository)
		for _, b := range blocks {
			made, err := e.pack(b)
			if err != nil {
				return nil, fmt.Errorf("%s: block %s: %w", e.Engine, b.Name, err)
			}
			for name, content := range made {
				files[path.Join(e.folder(b), name)] = content
			}
		}
	}
	return files, nil
}

// pack returns the files of one package.
func (e edition) pack(b *Block) (map[string][]byte, error) {
	objects, err := e.all(b)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name, list := range objects {
		if files[name], err = stream(list); err != nil {
			return nil, err
		}
	}
	samples, err := e.samples(b)
	if err != nil {
		return nil, err
	}
	maps.Copy(files, samples)
	if b.Mover() {
		if files[patchFile], err = e.withoutRoot(b); err != nil {
			return nil, err
		}
	}
	if files["README.md"], err = e.readme(b); err != nil {
		return nil, err
	}
	if e.argo() {
		if files["artifacthub-pkg.yml"], err = b.hubPackage(e.install(b)); err != nil {
			return nil, err
		}
	}
	return files, nil
}
