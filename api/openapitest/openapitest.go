// Package openapitest holds what an API answers against its OpenAPI description.
package openapitest

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Description is a description in OpenAPI 3.1, whose schemas are JSON Schema's.
type Description struct {
	t        testing.TB
	document map[string]any
	compiler *jsonschema.Compiler
}

// Read reads a description; one that can't be read ends the test.
func Read(t testing.TB, r io.Reader) *Description {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(r)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	return &Description{t: t, document: document.(map[string]any), compiler: compiler}
}

// Document is the whole description.
func (d *Description) Document() map[string]any { return d.document }

// Paths are those of the routes, in order.
func (d *Description) Paths() []string {
	var paths []string
	for path := range d.document["paths"].(map[string]any) {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// At follows path, and every reference on it, and returns the JSON pointer of what
// is there too. It returns nil where there is nothing.
func (d *Description) At(path ...string) (node map[string]any, pointer string) {
	node = d.document
	for i, step := range path {
		next, ok := node[step].(map[string]any)
		if !ok {
			return nil, ""
		}
		if ref, ok := next["$ref"].(string); ok {
			return d.At(slices.Concat(Steps(ref), path[i+1:])...)
		}
		node, pointer = next, pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(step)
	}
	return node, pointer
}

// Steps undoes a JSON pointer, as a reference or without its #.
func Steps(pointer string) []string {
	all := strings.Split(strings.TrimPrefix(strings.TrimPrefix(pointer, "#"), "/"), "/")
	for i := range all {
		all[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(all[i])
	}
	return all
}

// Compile checks the schema at a JSON pointer.
func (d *Description) Compile(pointer string) (*jsonschema.Schema, error) {
	return d.compiler.Compile("openapi.json#" + pointer)
}

// Validate holds value against the schema at path.
func (d *Description) Validate(what string, value any, path ...string) {
	d.t.Helper()
	_, pointer := d.At(path...)
	if pointer == "" {
		d.t.Errorf("%s: openapi.json has nothing at %s", what, strings.Join(path, " "))
		return
	}
	schema, err := d.Compile(pointer)
	if err != nil {
		d.t.Fatalf("%s: %v", what, err)
	}
	if err := schema.Validate(value); err != nil {
		d.t.Errorf("%s isn't as openapi.json describes it: %v", what, err)
	}
}

// Answer holds one answer against what is described for a method of a path: its
// code, its X-Sync-* headers, its type and its body. It reads the body whole.
func (d *Description) Answer(path, method string, res *http.Response) {
	d.t.Helper()
	what := fmt.Sprintf("%s %s: %d", method, path, res.StatusCode)
	response, pointer := d.At("paths", path, method, "responses", strconv.Itoa(res.StatusCode))
	if response == nil {
		d.t.Errorf("%s isn't described", what)
		return
	}
	at := Steps(pointer)
	for name := range res.Header {
		if strings.HasPrefix(name, "X-Sync-") {
			d.Validate(what+" "+name, res.Header.Get(name), append(slices.Clone(at), "headers", name, "schema")...)
		}
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	content, _ := response["content"].(map[string]any)
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case len(body) == 0 && content != nil:
		d.t.Errorf("%s has no body, and one is described", what)
	case len(body) > 0 && content[kind] == nil:
		d.t.Errorf("%s is %q, which isn't described", what, kind)
	case strings.HasSuffix(kind, "json"):
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			d.t.Fatalf("%s: %v", what, err)
		}
		d.Validate(what, value, append(at, "content", kind, "schema")...)
	}
}
