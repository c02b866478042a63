package api_test

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/api/openapitest"
	"github.com/sidemirror/sidemirror/syncer"
)

// described is the description as the API answers with it.
type described struct {
	*openapitest.Description
	t *testing.T
}

func newDescribed(t *testing.T) described {
	t.Helper()
	return described{openapitest.Read(t, do(newHandler(inProgress()), "GET", "/api/v1/openapi.json").Body), t}
}

// everyOption registers each route that there is.
func everyOption(s *syncer.Status) api.Options {
	return api.Options{
		Status: func() *syncer.Status { return s }, Changed: func() <-chan struct{} { return nil },
		Metrics: http.NotFoundHandler(), Control: &engine{}, History: runs(3),
		Namespaces: func() ([]syncer.NamespaceProgress, *syncer.Status) {
			return []syncer.NamespaceProgress{{Namespace: "a", Status: syncer.ResourceCompleted, Resources: []syncer.NamespaceResource{{
				Name: "pods", Status: syncer.ResourceCompleted, Objects: 1,
			}}}}, s
		},
	}
}

// fallbacks answer for what isn't there.
var fallbacks = []string{"/", "/api/v1", "/api/v1/"}

// unregistered are the paths that are described and that the mux doesn't know.
var unregistered = []string{
	// Answered by the fallback of /api/v1/, so that every other route wins.
	"/api/v1/{resource}", "/api/v1/{resource}/{name}",
	"/api/v1/namespaces/{namespace}/{resource}", "/api/v1/namespaces/{namespace}/{resource}/{name}",
}

func TestOpenAPIHasEveryRoute(t *testing.T) {
	d := newDescribed(t)
	h := api.NewHandler(everyOption(inProgress()))
	registered := map[string]bool{}
	for _, pattern := range api.Patterns(h) {
		if slices.Contains(fallbacks, pattern) || strings.HasPrefix(pattern, "/-/") { // or a file of the page
			continue
		}
		_, path, ok := strings.Cut(pattern, " ")
		if !ok {
			path = pattern
		}
		path = strings.ReplaceAll(path, "{$}", "")
		registered[path] = true
		if item, _ := d.At("paths", path); item == nil {
			t.Errorf("the handler has the route %q, and openapi.json doesn't: describe it there, under paths", path)
		}
	}
	for path, item := range d.Document()["paths"].(map[string]any) {
		switch ahead := slices.Contains(unregistered, path); {
		case registered[path] && ahead:
			t.Errorf("the route %q is registered now: take it off the list unregistered in this file", path)
		case registered[path]:
			methods(t, h, path, item.(map[string]any))
		case !ahead:
			t.Errorf("openapi.json describes %q, and the handler has no such route: remove it there, or set what it needs in everyOption", path)
		}
	}
}

// methods holds the methods that are described against those that are answered.
func methods(t *testing.T, h http.Handler, path string, item map[string]any) {
	t.Helper()
	for _, method := range []string{"get", "post", "put", "delete"} {
		_, want := item[method]
		verb := strings.ToUpper(method)
		if verb == http.MethodGet {
			verb = http.MethodHead // which a stream answers, and ends
		}
		got := do(h, verb, path).StatusCode != http.StatusMethodNotAllowed
		if got != want {
			t.Errorf("%s %s: answered %v, described %v", method, path, got, want)
		}
	}
}

func TestOpenAPIHasEveryFieldOfTheStatus(t *testing.T) {
	d := newDescribed(t)
	d.fields(reflect.TypeFor[syncer.Status](), map[string]bool{})
}

// fields holds a struct against the schema of the same name, and what it is made of.
func (d described) fields(of reflect.Type, seen map[string]bool) {
	name := of.Name()
	if seen[name] {
		return
	}
	seen[name] = true
	schema, _ := d.At("components", "schemas", name)
	if schema == nil {
		d.t.Errorf("openapi.json has no components/schemas/%s for syncer.%s", name, name)
		return
	}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	members := membersOf(of)
	for member, optional := range members {
		field := name + "." + member
		switch _, there := properties[member]; {
		case !there:
			d.t.Errorf("syncer.%s isn't in openapi.json: add it to components/schemas/%s/properties", field, name)
		case slices.Contains(required, any(member)) == optional:
			d.t.Errorf("syncer.%s: required in openapi.json is %v, and must be the contrary: omitempty in Go is %v", field, !optional, optional)
		}
	}
	for member := range properties {
		if _, there := members[member]; !there {
			d.t.Errorf("openapi.json has %s.%s, and syncer.%s doesn't: remove it from components/schemas/%s", name, member, name, name)
		}
	}
	for i := range of.NumField() {
		if inner := structOf(of.Field(i).Type); inner != nil && !of.Field(i).Anonymous {
			d.fields(inner, seen)
		}
	}
}

// membersOf are the members of a struct as JSON, embedded ones included, and
// whether each may be left out.
func membersOf(of reflect.Type) map[string]bool {
	members := map[string]bool{}
	for i := range of.NumField() {
		f := of.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "":
			for inner, optional := range membersOf(f.Type) {
				members[inner] = optional
			}
		default:
			members[name] = strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		}
	}
	return members
}

// structOf is the struct of this module behind pointers and slices, or nil.
func structOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil
	}
	return t
}

func TestOpenAPIHasEveryValue(t *testing.T) {
	d := newDescribed(t)
	for name, values := range map[string][]string{
		"RunStatus": words(syncer.RunStatuses), "State": words(syncer.States), "Step": words(syncer.Steps),
		"ResourceOutcome": words(syncer.ResourceOutcomes), "Action": words(syncer.Actions),
	} {
		schema, _ := d.At("components", "schemas", name)
		for _, value := range values {
			if enum, _ := schema["enum"].([]any); !slices.Contains(enum, any(value)) {
				t.Errorf("%q isn't in openapi.json: add it to components/schemas/%s/enum", value, name)
			}
		}
	}
	for _, name := range api.HeaderNames {
		if header, _ := d.At("components", "headers", name); header == nil {
			t.Errorf("the header %s isn't in openapi.json: add it to components/headers", name)
		}
	}
}

func words[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
