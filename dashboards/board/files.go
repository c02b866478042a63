package board

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// configMaps is where the ConfigMaps of the dashboards are.
const configMaps = "deploy/grafana-dashboards/configmaps.yaml"

// Files returns everything that is generated, by its path below the repository's
// root.
func Files() (map[string][]byte, error) {
	boards, err := All()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	var manifests bytes.Buffer
	manifests.WriteString("# Generated: cd dashboards && go run ./generate\n")
	for _, b := range boards {
		text, err := b.JSON()
		if err != nil {
			return nil, err
		}
		files["dashboards/"+b.Name+".json"] = text
		if err := b.configMap(&manifests, text); err != nil {
			return nil, err
		}
	}
	files[configMaps] = manifests.Bytes()
	return files, nil
}

// configMap writes a ConfigMap of one dashboard, which Grafana's sidecar finds by
// its label. There is one for each, and its JSON has no indentation: `kubectl
// apply` keeps no more than 256 KiB of an object in its annotation.
func (b Board) configMap(w *bytes.Buffer, text []byte) error {
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return fmt.Errorf("encode dashboard %s: %w", b.Name, err)
	}
	fmt.Fprintf(w, `---
apiVersion: v1
kind: ConfigMap
metadata:
  name: sidemirror-dashboard-%[1]s
  labels:
    app.kubernetes.io/name: sidemirror
    app.kubernetes.io/component: dashboard
    grafana_dashboard: "1"
  annotations:
    grafana_folder: Sidemirror
data:
  sidemirror-%[1]s.json: |-
    %[2]s
`, b.Name, strings.TrimSpace(compact.String()))
	return nil
}
