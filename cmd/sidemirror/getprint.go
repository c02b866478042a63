package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// objectPrinter writes objects as they come.
type objectPrinter interface {
	item(page *objectPage, item []byte) error
	// end writes what stands behind the last item, or, unless whole, lets it be.
	end(whole bool) error
}

func (o *getOptions) printer(w io.Writer) objectPrinter {
	switch o.output.value {
	case "name":
		return &namePrinter{w: w}
	case "json":
		return &listPrinter{w: w, named: o.name != "", form: jsonForm}
	case "yaml":
		return &listPrinter{w: w, named: o.name != "", form: yamlForm}
	default:
		return &tablePrinter{w: w, now: time.Now, wide: o.output.value == "wide", namespaces: o.namespace == ""}
	}
}

// identity is what every object has.
type identity struct {
	APIVersion, Kind string
	Metadata         struct {
		Namespace, Name   string
		CreationTimestamp time.Time
	}
}

// namePrinter prints what other commands take: pod/web, deployment.apps/web.
type namePrinter struct{ w io.Writer }

func (p *namePrinter) item(_ *objectPage, item []byte) error {
	var id identity
	if err := json.Unmarshal(item, &id); err != nil {
		return fmt.Errorf("read an object: %w", err)
	}
	kind := strings.ToLower(id.Kind)
	if group, _, ok := strings.Cut(id.APIVersion, "/"); ok {
		kind += "." + group
	}
	_, err := fmt.Fprintln(p.w, printable(kind+"/"+id.Metadata.Name))
	return err
}

func (p *namePrinter) end(bool) error { return nil }

// listForm is how a List is written item by item.
type listForm struct {
	head, separator, tail, empty string

	// one is an object by itself, inList as an item; neither ends with a newline.
	one, inList func(item []byte) ([]byte, error)
}

const jsonListMeta = `,
    "kind": "List",
    "metadata": {
        "resourceVersion": ""
    }
}
`

var jsonForm = listForm{
	head:      "{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n        ",
	separator: ",\n        ",
	tail:      "\n    ]" + jsonListMeta,
	empty:     "{\n    \"apiVersion\": \"v1\",\n    \"items\": []" + jsonListMeta,
	one:       func(item []byte) ([]byte, error) { return indented(item, "") },
	inList:    func(item []byte) ([]byte, error) { return indented(item, "        ") },
}

func indented(item []byte, prefix string) ([]byte, error) {
	var b bytes.Buffer
	err := json.Indent(&b, item, prefix, "    ")
	return b.Bytes(), err
}

const yamlListMeta = "\nkind: List\nmetadata:\n  resourceVersion: \"\"\n"

var yamlForm = listForm{
	head:      "apiVersion: v1\nitems:\n- ",
	separator: "\n- ",
	tail:      yamlListMeta,
	empty:     "apiVersion: v1\nitems: []" + yamlListMeta,
	one:       yamlText,
	inList: func(item []byte) ([]byte, error) {
		text, err := yamlText(item)
		return bytes.ReplaceAll(text, []byte("\n"), []byte("\n  ")), err
	},
}

func yamlText(item []byte) ([]byte, error) {
	text, err := yaml.JSONToYAML(item)
	return bytes.TrimSuffix(text, []byte("\n")), err
}

// listPrinter prints a List, as kubectl does whatever the kind. What was asked for
// by its name is printed by itself if there is but one.
type listPrinter struct {
	w     io.Writer
	form  listForm
	named bool
	count int
	held  []byte // the first of a name, until there is a second
}

func (p *listPrinter) item(_ *objectPage, item []byte) error {
	p.count++
	if p.named && p.count == 1 {
		p.held = bytes.Clone(item)
		return nil
	}
	if p.held != nil {
		held := p.held
		p.held = nil
		if err := p.write(p.form.head, held, p.form.inList, ""); err != nil {
			return err
		}
	}
	before := p.form.separator
	if p.count == 1 {
		before = p.form.head
	}
	return p.write(before, item, p.form.inList, "")
}

func (p *listPrinter) write(before string, item []byte, form func([]byte) ([]byte, error), after string) error {
	text, err := form(item)
	if err != nil {
		return fmt.Errorf("read an object: %w", err)
	}
	if _, err = io.WriteString(p.w, before); err == nil {
		_, err = p.w.Write(append(text, after...))
	}
	return err
}

func (p *listPrinter) end(whole bool) (err error) {
	switch {
	case !whole:
	case p.held != nil:
		return p.write("", p.held, p.form.one, "\n")
	case p.count > 0:
		_, err = io.WriteString(p.w, p.form.tail)
	case !p.named:
		_, err = io.WriteString(p.w, p.form.empty)
	}
	return err
}
