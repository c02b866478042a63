package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// fillFromFile sets the flags that neither the command line nor the environment
// gave. Keys are flags of run; those that cmd hasn't got are checked and left
// alone, so that one file serves run and verify.
func fillFromFile(cmd *cobra.Command, path string, origins map[string]string) error {
	settings, err := readSettings(path)
	if err != nil {
		return err
	}
	for _, key := range sortedKeys(settings) {
		f := cmd.Flags().Lookup(key)
		if f == nil {
			f = newRunCommand().Flags().Lookup(key)
		}
		if f == nil || slices.Contains(commandLineOnly, key) || key == "config" {
			return fmt.Errorf("%s: unknown key %q (keys are the flags of sidemirror run, without the dashes)", path, key)
		}
		if origin := origins[key]; origin == fromFlag || origin == fromEnv {
			f = newRunCommand().Flags().Lookup(key) // still checked
		}
		if err := setFromFile(f, settings[key]); err != nil {
			return fmt.Errorf("%s: %s: %w", path, key, err)
		}
		if origins[key] == fromDefault {
			origins[key] = fromFile
		}
	}
	return nil
}

// readSettings reads a file whose top is a mapping with distinct keys.
func readSettings(path string) (map[string]any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", notThere(path, err))
	}
	text, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var top any
	if err := decoder.Decode(&top); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	settings, ok := top.(map[string]any)
	if !ok && top != nil {
		return nil, fmt.Errorf("%s: want a mapping of settings at the top, got %s", path, typeOf(top))
	}
	return settings, nil
}

// notThere is err, or the one sentence for a file that doesn't exist.
func notThere(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s isn't there", path)
	}
	return err
}

// setFromFile sets a flag to a value of the type that it takes, and no other.
func setFromFile(f *pflag.Flag, value any) error {
	mismatch := fmt.Errorf("want %s, got %s", wanted(f), typeOf(value))
	if list, ok := f.Value.(pflag.SliceValue); ok {
		entries, ok := listOf(value, f.Value.Type() == "stringArray")
		if !ok {
			return mismatch
		}
		return list.Replace(entries)
	}
	var text string
	switch v := value.(type) {
	case string:
		if wanted(f) == "a whole number" || wanted(f) == "true or false" {
			return mismatch
		}
		text = v
	case json.Number:
		if wanted(f) != "a whole number" {
			return mismatch
		}
		text = v.String()
	case bool:
		if wanted(f) != "true or false" {
			return mismatch
		}
		text = strconv.FormatBool(v)
	default:
		return mismatch
	}
	if err := f.Value.Set(text); err != nil {
		return fmt.Errorf("want %s, got %q", wanted(f), text)
	}
	return nil
}

// listOf is value as a list of strings; a mapping counts as KEY=VALUE entries
// where pairs says so.
func listOf(value any, pairs bool) ([]string, bool) {
	entries := []string{}
	switch v := value.(type) {
	case []any:
		for _, entry := range v {
			text, ok := entry.(string)
			if !ok {
				return nil, false
			}
			entries = append(entries, text)
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			text, ok := v[key].(string)
			if !ok {
				return nil, false
			}
			entries = append(entries, key+"="+text)
		}
		return entries, pairs
	default:
		return nil, false
	}
	return entries, true
}

// typeOf names the type of a value from a file.
func typeOf(value any) string {
	switch value.(type) {
	case nil:
		return "nothing"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	default:
		return "a mapping"
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
