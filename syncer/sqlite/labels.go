package sqlite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
)

// appendLabels writes labels as a JSON array of "name=value". No quote stands
// within an item, escaped or not, so that selectors find whole items by their
// quotes.
func appendLabels(dst []byte, labels []syncer.Label) []byte {
	dst = append(dst, '[')
	for i, l := range labels {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = appendEscaped(dst, l.Name)
		dst = append(dst, '=')
		dst = appendEscaped(dst, l.Value)
		dst = append(dst, '"')
	}
	return append(dst, ']')
}

func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	for i := range len(s) {
		switch b := s[i]; {
		case b < ' ' || b == '"':
			dst = fmt.Appendf(dst, `\u%04x`, b)
		case b == '\\':
			dst = append(dst, '\\', b)
		default:
			dst = append(dst, b)
		}
	}
	return dst
}

// parseLabels appends what appendLabels wrote to dst. The labels alias text,
// which nobody else has.
func parseLabels(dst []syncer.Label, text string) []syncer.Label {
	if strings.IndexByte(text, '\\') >= 0 {
		return parseEscaped(dst, text)
	}
	rest := bytes.TrimSuffix(bytes.TrimPrefix(asBytes(text), []byte(`["`)), []byte(`"]`))
	for more := len(text) > len(`[]`); more; {
		var item []byte
		item, rest, more = bytes.Cut(rest, []byte(`","`))
		name, value, _ := bytes.Cut(item, []byte("="))
		dst = append(dst, syncer.Label{Name: name, Value: value})
	}
	return dst
}

func parseEscaped(dst []syncer.Label, text string) []syncer.Label {
	var items []string
	_ = json.Unmarshal(asBytes(text), &items) // our own writing
	for _, item := range items {
		name, value, _ := strings.Cut(item, "=")
		dst = append(dst, syncer.Label{Name: []byte(name), Value: []byte(value)})
	}
	return dst
}

// item is what the labels of a row hold if it has the label with this value.
func item(name, value string) string {
	return string(append(appendEscaped(append(appendEscaped([]byte{'"'}, name), '='), value), '"'))
}

// anyValue is what they hold if it has the label at all.
func anyValue(name string) string {
	return string(append(appendEscaped([]byte{'"'}, name), '='))
}
