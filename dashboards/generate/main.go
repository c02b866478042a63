// Command generate writes dashboards/*.json and the ConfigMaps that carry them,
// below the repository's root:
//
//	cd dashboards && go run ./generate
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sidemirror/sidemirror/dashboards/board"
)

func main() {
	root := flag.String("root", "..", "root of the repository")
	flag.Parse()
	if err := generate(*root); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(root string) error {
	files, err := board.Files()
	if err != nil {
		return err
	}
	for path, content := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
