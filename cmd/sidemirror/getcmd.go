package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/validation"
)

const getHelp = `Prints objects of the mirror of a running Sidemirror, as kubectl get prints those
of the cluster. RESOURCE is the name of a mirrored resource (pods,
deployments.apps) or its kind. Without --namespace it is every namespace.

Objects are printed as they come. What the mirror isn't sure of is said on stderr:
a sync that isn't complete, a run that failed, a resource that isn't synced yet.

Exit codes: 0 printed, also if there is nothing to print; 1 an error, or the
object that NAME names isn't there; 2 usage.`

const getExample = `  sidemirror get pods -n shop
  sidemirror get deployments.apps -l app.kubernetes.io/name=cart -o wide
  sidemirror get pod cart-0 -n shop -o yaml
  sidemirror get nodes -o json | jq '.items[].metadata.name'`

// getOptions are the flags and arguments of get, as given.
type getOptions struct {
	serverOptions
	resource, name string
	namespace      string
	allNamespaces  bool
	labels, fields string
	output         *enum
	chunkSize      int
}

func newGetCommand() *cobra.Command {
	o := getOptions{
		serverOptions: serverOptions{interval: time.Second}, // isn't asked for: get asks once
		output:        newEnum("table", "wide", "name", "json", "yaml"),
	}
	cmd := &cobra.Command{
		Use:               "get RESOURCE [NAME] | RESOURCE/NAME",
		Short:             "Print objects of the mirror of a running Sidemirror",
		Long:              getHelp,
		Example:           getExample,
		Args:              o.arguments,
		ValidArgsFunction: o.completeResource,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.addServerFlags(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.namespace, "namespace", "n", "", "`NAME` of the namespace (default all)")
	f.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "every namespace, which is the default")
	f.StringVarP(&o.labels, "selector", "l", "", "`SELECTOR` of labels: app=web, 'tier in (a,b)', !canary")
	f.StringVar(&o.fields, "field-selector", "", "`SELECTOR` of metadata.name and metadata.namespace, with =, == and !=")
	f.VarP(o.output, "output", "o", "form of the objects")
	f.IntVar(&o.chunkSize, "chunk-size", 500, "`OBJECTS` that one request asks for, 0 for all at once")
	for _, flag := range []string{"namespace", "selector", "field-selector", "chunk-size"} {
		complete(cmd, flag, cobra.NoFileCompletions)
	}
	return cmd
}

func (o *getOptions) arguments(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 2:
		o.name = args[1]
		fallthrough
	case 1:
		o.resource = args[0]
		if resource, name, ok := strings.Cut(args[0], "/"); ok && o.name == "" {
			o.resource, o.name = resource, name
		}
		return nil
	case 0:
		return usageError(cmd, errors.New("want RESOURCE, such as pods"))
	default:
		return usageError(cmd, fmt.Errorf("unexpected argument %q", args[2]))
	}
}

// completeResource offers what the server says that it mirrors.
func (o *getOptions) completeResource(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	client, err := o.client()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(commandContext(cmd)), 2*time.Second)
	defer cancel()
	answer, err := client.get(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for i, r := range answer.Status.ResourceStatus {
		if i == 0 || r.Name != answer.Status.ResourceStatus[i-1].Name { // cells of a resource follow each other
			names = append(names, r.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// commandContext is cmd's, which completions may lack.
func commandContext(cmd *cobra.Command) context.Context {
	if ctx := cmd.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

func (o *getOptions) validate() error {
	if problems := validation.IsDNS1123Subdomain(strings.ToLower(o.resource)); len(problems) > 0 {
		return fmt.Errorf("RESOURCE: want one name such as pods or deployments.apps, got %q", o.resource)
	}
	if problems := validation.IsDNS1123Label(o.namespace); o.namespace != "" && len(problems) > 0 {
		return fmt.Errorf("--namespace: %q can't be a namespace: %s", o.namespace, problems[0])
	}
	switch {
	case o.allNamespaces && o.namespace != "":
		return errors.New("--all-namespaces: has no use with --namespace")
	case o.name != "" && (o.labels != "" || o.fields != ""):
		return errors.New("--selector and --field-selector have no use with NAME")
	case o.chunkSize < 0:
		return fmt.Errorf("--chunk-size: want 0 or more, got %d", o.chunkSize)
	}
	return nil
}

// run prints what is asked for, page by page.
func (o *getOptions) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := o.validate(); err != nil {
		return err
	}
	client, err := o.objectClient()
	if err != nil {
		return err
	}
	p := o.printer(stdout)
	count, warned := 0, false
	err = client.pages(ctx, o.path(), o.query(), func(page *objectPage) error {
		if !warned {
			warned = true
			for _, text := range page.warnings() {
				fmt.Fprintln(stderr, "warning:", text)
			}
		}
		return page.items(func(item []byte) error {
			count++
			return p.item(page, item)
		})
	})
	if err != nil {
		return errors.Join(err, p.end(false))
	}
	if err := p.end(true); err != nil {
		return err
	}
	return o.nothing(count, stderr)
}

// nothing says that nothing was found, which for a name is an error.
func (o *getOptions) nothing(count int, stderr io.Writer) error {
	where := ""
	if o.namespace != "" {
		where = " in the namespace " + o.namespace
	}
	switch {
	case count > 0:
		return nil
	case o.name != "":
		return fmt.Errorf("the mirror has no %s %q%s", o.resource, o.name, where)
	case o.output.value == "table" || o.output.value == "wide":
		fmt.Fprintf(stderr, "no %s found%s\n", o.resource, where)
	}
	return nil
}

func (o *getOptions) path() string {
	if o.namespace == "" {
		return "/api/v1/" + url.PathEscape(o.resource)
	}
	return "/api/v1/namespaces/" + url.PathEscape(o.namespace) + "/" + url.PathEscape(o.resource)
}

// query asks for a name as a list does: without a namespace, there may be several.
func (o *getOptions) query() url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("labelSelector", o.labels)
	set("fieldSelector", o.fields)
	if o.name != "" {
		q.Set("fieldSelector", "metadata.name="+fields.EscapeValue(o.name))
	}
	if o.chunkSize > 0 {
		q.Set("limit", fmt.Sprint(o.chunkSize))
	}
	return q
}
