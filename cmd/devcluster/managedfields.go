package main

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// listKeys names the lists whose items Kubernetes merges by key, and the keys.
// Other lists are owned as a whole.
var listKeys = map[string][]string{
	"containers":      {"name"},
	"initContainers":  {"name"},
	"env":             {"name"},
	"ports":           {"containerPort", "protocol"},
	"volumeMounts":    {"mountPath"},
	"volumes":         {"name"},
	"conditions":      {"type"},
	"podIPs":          {"ip"},
	"hostIPs":         {"ip"},
	"ownerReferences": {"uid"},
}

// manage sets the managedFields that server-side apply would have kept for o:
// what the controller wrote, and the status that another one wrote. They are a
// third of a real Pod's bytes, which is why filled Pods have them.
func manage(o object, controller, statusWriter string) error {
	data, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("marshal %s: %w", o.GetName(), err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return fmt.Errorf("unmarshal %s: %w", o.GetName(), err)
	}
	metadata, _ := fields["metadata"].(map[string]any)
	spec := map[string]any{"metadata": pickFields(metadata, "annotations", "labels", "generateName", "ownerReferences")}
	for _, name := range []string{"spec", "data"} {
		if value, ok := fields[name]; ok {
			spec[name] = value
		}
	}
	apiVersion, _ := fields["apiVersion"].(string)
	entries := []metav1.ManagedFieldsEntry{managedEntry(o, apiVersion, controller, "", spec)}
	if status, ok := fields["status"].(map[string]any); ok && len(status) > 0 {
		entries = append(entries, managedEntry(o, apiVersion, statusWriter, "status", map[string]any{"status": status}))
	}
	o.SetManagedFields(entries)
	return nil
}

func pickFields(from map[string]any, names ...string) map[string]any {
	picked := map[string]any{}
	for _, name := range names {
		if value, ok := from[name]; ok {
			picked[name] = value
		}
	}
	return picked
}

func managedEntry(o object, apiVersion, manager, subresource string, fields map[string]any) metav1.ManagedFieldsEntry {
	raw, err := json.Marshal(fieldSet(fields, false))
	if err != nil {
		raw = []byte("{}") // maps of maps always marshal
	}
	written := o.GetCreationTimestamp()
	return metav1.ManagedFieldsEntry{
		Manager:     manager,
		Operation:   metav1.ManagedFieldsOperationUpdate,
		APIVersion:  apiVersion,
		Time:        &written,
		FieldsType:  "FieldsV1",
		FieldsV1:    metav1.NewFieldsV1(string(raw)),
		Subresource: subresource,
	}
}

// fieldSet returns the FieldsV1 form of a JSON object. Self says whether the
// object itself is owned, besides what is in it.
func fieldSet(value map[string]any, self bool) map[string]any {
	set := map[string]any{}
	if self {
		set["."] = struct{}{}
	}
	for name, child := range value {
		switch child := child.(type) {
		case map[string]any:
			set["f:"+name] = fieldSet(child, name != "metadata" && name != "spec" && name != "status")
		case []any:
			set["f:"+name] = listSet(name, child)
		default:
			set["f:"+name] = struct{}{}
		}
	}
	return set
}

// listSet returns the FieldsV1 form of a list.
func listSet(name string, items []any) map[string]any {
	set := map[string]any{}
	keys, ok := listKeys[name]
	if !ok {
		return set
	}
	set["."] = struct{}{}
	for _, item := range items {
		fields, ok := item.(map[string]any)
		if !ok {
			return map[string]any{}
		}
		key, err := json.Marshal(pickFields(fields, keys...))
		if err != nil {
			return map[string]any{}
		}
		set["k:"+string(key)] = fieldSet(fields, true)
	}
	return set
}
