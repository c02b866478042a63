package board_test

import (
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"
)

func provisioned(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "dashboards", "provisioning", path))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// The fields are those of Grafana's provisioning; another one is a mistake.
func TestProvisionedSourcesLeadFromExemplarsToTraces(t *testing.T) {
	var c struct {
		APIVersion  int `json:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			IsDefault                    bool `json:"isDefault"`
			JSONData                     struct {
				HTTPMethod   string `json:"httpMethod"`
				TimeInterval string `json:"timeInterval"`
				Destinations []struct {
					Name, DatasourceUID, URLDisplayLabel string
				} `json:"exemplarTraceIdDestinations"`
			} `json:"jsonData"`
		}
	}
	provisioned(t, "datasources/sidemirror.yaml", &c)
	uids := map[string]string{}
	for _, d := range c.Datasources {
		uids[d.Type] = d.UID
	}
	if uids["prometheus"] == "" || uids["jaeger"] == "" {
		t.Fatalf("sources = %v, want a Prometheus and a Jaeger", uids)
	}
	for _, d := range c.Datasources {
		if d.Type != "prometheus" {
			continue
		}
		if len(d.JSONData.Destinations) != 1 || d.JSONData.Destinations[0].DatasourceUID != uids["jaeger"] || d.JSONData.Destinations[0].Name != "trace_id" {
			t.Errorf("exemplars lead to %+v, want trace_id in %s", d.JSONData.Destinations, uids["jaeger"])
		}
	}
}

func TestProvisionedProviderReadsFiles(t *testing.T) {
	var c struct {
		APIVersion int `json:"apiVersion"`
		Providers  []struct {
			Name, Folder, Type    string
			DisableDeletion       bool `json:"disableDeletion"`
			AllowUIUpdates        bool `json:"allowUiUpdates"`
			UpdateIntervalSeconds int  `json:"updateIntervalSeconds"`
			Options               struct {
				Path                      string
				FoldersFromFilesStructure bool `json:"foldersFromFilesStructure"`
			}
		}
	}
	provisioned(t, "dashboards/sidemirror.yaml", &c)
	if len(c.Providers) != 1 || c.Providers[0].Type != "file" || c.Providers[0].Options.Path != "/var/lib/grafana/dashboards/sidemirror" {
		t.Errorf("providers = %+v, want the one that README.md mounts files for", c.Providers)
	}
}
