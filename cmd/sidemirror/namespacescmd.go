package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sidemirror/sidemirror/syncer"
)

const namespacesHelp = `Prints how far the mirror of a running Sidemirror is in each namespace, or, with a
namespace's name, in each of its resources. Numbers are those of the newest lists:
a resource that went on from its checkpoint has listed nothing, and so isn't
counted until sidemirror start. json and yaml are the server's own document, with
all its pages in one.

Exit codes: 0 the progress was read, whatever it says; 1 it couldn't be, or the
namespace isn't in it; 2 usage.`

const (
	namespacesPath = "/api/v1/sync/namespaces"
	namespacesPage = 1000
)

// namespacesOptions are the flags of namespaces, as given.
type namespacesOptions struct {
	serverOptions
	output *enum
}

// namespacesDocument is a page of the server's answer, or all of them.
type namespacesDocument struct {
	Revision   uint64           `json:"revision"`
	Namespaces []namespaceEntry `json:"namespaces"`
	Continue   string           `json:"continue,omitempty"`
}

// namespaceEntry is understood, and kept as it came.
type namespaceEntry struct {
	syncer.NamespaceProgress
	raw json.RawMessage
}

// UnmarshalJSON implements [json.Unmarshaler].
func (e *namespaceEntry) UnmarshalJSON(text []byte) error {
	e.raw = append(e.raw[:0], text...)
	return json.Unmarshal(text, &e.NamespaceProgress)
}

// MarshalJSON implements [json.Marshaler].
func (e namespaceEntry) MarshalJSON() ([]byte, error) { return e.raw, nil }

func newNamespacesCommand() *cobra.Command {
	o := namespacesOptions{output: newEnum("text", "json", "yaml")}
	cmd := &cobra.Command{
		Use:   "namespaces [NAME]",
		Short: "Print how far the mirror of a running Sidemirror is in each namespace",
		Long:  namespacesHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			return noArguments(cmd, args[min(len(args), 1):])
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return offer(cmd, o.mirroredNamespaces), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), strings.Join(args, ""), cmd.OutOrStdout())
		},
	}
	o.addServerFlags(cmd)
	cmd.Flags().VarP(o.output, "output", "o", "form of the progress")
	return cmd
}

// run prints all namespaces, or the one that is named.
func (o *namespacesOptions) run(ctx context.Context, name string, w io.Writer) error {
	client, err := o.dial()
	if err != nil {
		return err
	}
	list, err := fetchNamespaces(ctx, client)
	if err != nil {
		return err
	}
	if name != "" {
		if err := list.limit(name); err != nil {
			return err
		}
	}
	body, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return printDocument(w, o.output.value, body, func(width int) string {
		if name != "" {
			return lines(namespaceTable(&list.Namespaces[0].NamespaceProgress).lines(width))
		}
		return namespacesText(list, width)
	})
}

// fetchNamespaces reads all pages. The revision is that of the last one.
func fetchNamespaces(ctx context.Context, c *serverClient) (*namespacesDocument, error) {
	all := &namespacesDocument{Namespaces: []namespaceEntry{}}
	for after := ""; ; {
		var page namespacesDocument
		query := url.Values{"limit": {fmt.Sprint(namespacesPage)}}
		if after != "" {
			query.Set("continue", after)
		}
		if _, err := c.document(ctx, namespacesPath+"?"+query.Encode(), "a list of namespaces", &page); err != nil {
			return nil, err
		}
		all.Revision, all.Namespaces = page.Revision, append(all.Namespaces, page.Namespaces...)
		if page.Continue == "" || page.Continue == after {
			return all, nil
		}
		after = page.Continue
	}
}

// limit leaves one namespace.
func (d *namespacesDocument) limit(name string) error {
	for _, p := range d.Namespaces {
		if p.Namespace == name {
			d.Namespaces = []namespaceEntry{p}
			return nil
		}
	}
	return fmt.Errorf("nothing of the namespace %q was listed since the last run began", name)
}

// namespacesText has a line for each namespace.
func namespacesText(d *namespacesDocument, width int) string {
	if len(d.Namespaces) == 0 {
		return "No namespace was listed since the last run began; sidemirror start compares anew.\n"
	}
	t := &table{columns: []column{
		{title: "NAMESPACE"}, {title: "STATUS"}, {title: "OBJECTS", right: true},
		{title: "RESOURCES", right: true, rank: 2}, {title: "NOT COMPLETED", rank: 1},
	}}
	for _, p := range d.Namespaces {
		completed, rest := 0, []string{}
		for _, r := range p.Resources {
			if r.Status == syncer.ResourceCompleted {
				completed++
			} else {
				rest = append(rest, r.Name)
			}
		}
		t.rows = append(t.rows, []string{
			printable(p.Namespace), string(p.Status), grouped(p.Objects),
			fmt.Sprintf("%d/%d", completed, len(p.Resources)), printable(strings.Join(rest, ", ")),
		})
	}
	return lines(t.lines(width))
}

// namespaceTable has a row for each resource of a namespace.
func namespaceTable(p *syncer.NamespaceProgress) *table {
	t := &table{columns: []column{{title: "RESOURCE"}, {title: "STATUS"}, {title: "OBJECTS", right: true}}}
	for _, r := range p.Resources {
		t.rows = append(t.rows, []string{printable(r.Name), printable(string(r.Status)), grouped(r.Objects)})
	}
	return t
}

// lines joins lines to a text that ends with one.
func lines(all []string) string { return strings.Join(all, "\n") + "\n" }
