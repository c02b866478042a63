package board_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/sidemirror/sidemirror/dashboards/board"
)

func TestFilesAreUpToDate(t *testing.T) {
	files, err := board.Files()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		got, err := os.ReadFile(filepath.Join(root, path))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s isn't what the code says (%v); cd dashboards && go run ./generate", path, err)
		}
	}
}

// The SDK's own check of types, of fields that are missing and of those that
// nobody knows, each panel's and query's options included.
func TestGrafanaAcceptsTheDashboards(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	for _, f := range dashboards(t) {
		text, err := os.ReadFile(filepath.Join(root, "dashboards", f.name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := strictly(text); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

// strictly decodes and validates. The SDK's decoder returns a list of errors as an
// error, which isn't nil when the list is empty.
func strictly(text []byte) error {
	var d dashboard.Dashboard
	err := d.UnmarshalJSONStrict(text)
	if list := (cog.BuildErrors)(nil); errors.As(err, &list) && len(list) == 0 {
		return d.Validate()
	}
	return err
}

func TestStrictCheckCatchesAWrongName(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	text, err := os.ReadFile(filepath.Join(root, "dashboards", "overview.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{`"graphMode"`, `"legendFormat"`, `"reduceOptions"`, `"schemaVersion"`} {
		wrong := strings.Replace(word, "e", "ee", 1)
		if err := strictly(bytes.Replace(text, []byte(word), []byte(wrong), 1)); err == nil {
			t.Errorf("%s in place of %s was accepted", wrong, word)
		}
	}
}

// manifests reads the ConfigMaps as kubectl would.
func manifests(t *testing.T) []corev1.ConfigMap {
	t.Helper()
	text, err := os.Open(filepath.Join(root, "deploy", "grafana-dashboards", "configmaps.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	var all []corev1.ConfigMap
	for d := yaml.NewYAMLToJSONDecoder(text); ; {
		var raw json.RawMessage
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if len(raw) == 0 || string(raw) == "null" {
			continue // the comment above the first
		}
		var c corev1.ConfigMap
		strict := json.NewDecoder(bytes.NewReader(raw))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
}

func TestConfigMapsCarryTheDashboards(t *testing.T) {
	// kubectl apply keeps the object in an annotation, of which an object has 256 KiB.
	const maxBytes = 200 << 10
	var want, got []any
	for _, f := range dashboards(t) {
		want = append(want, parsed(t, filepath.Join(root, "dashboards", f.name+".json"), nil))
	}
	for _, c := range manifests(t) {
		if c.Labels["grafana_dashboard"] != "1" {
			t.Errorf("%s has not the label that Grafana's sidecar looks for: %v", c.Name, c.Labels)
		}
		for name, text := range c.Data {
			got = append(got, parsed(t, name, []byte(text)))
			if len(text) > maxBytes {
				t.Errorf("%s is of %d bytes, more than the %d that kubectl apply can take", c.Name, len(text), maxBytes)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dashboards (-file +ConfigMap):\n%s", diff)
	}
}

func parsed(t *testing.T, name string, text []byte) (v any) {
	t.Helper()
	if text == nil {
		var err error
		if text, err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}
