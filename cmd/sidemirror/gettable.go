package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// kindTable is how kubectl shows a kind.
type kindTable struct {
	columns []string
	narrow  int // how many columns show without -o wide
	cells   func(item []byte, now time.Time) ([]string, error)
}

// tableOf makes a table of the columns up to "|", and with -o wide those behind it.
func tableOf[T any](columns string, cells func(o *T, now time.Time) []string) kindTable {
	narrow, wide, _ := strings.Cut(columns, "|")
	t := kindTable{columns: strings.Split(narrow, ",")}
	t.narrow = len(t.columns)
	if wide != "" {
		t.columns = append(t.columns, strings.Split(wide, ",")...)
	}
	t.cells = func(item []byte, now time.Time) ([]string, error) {
		var o T
		if err := json.Unmarshal(item, &o); err != nil {
			return nil, fmt.Errorf("read an object: %w", err)
		}
		return cells(&o, now), nil
	}
	return t
}

// anyTable is for kinds that have no table of their own.
var anyTable = tableOf("NAME,AGE", func(o *metav1.PartialObjectMetadata, now time.Time) []string {
	return []string{o.Name, age(o.CreationTimestamp, now)}
})

// kindTables are those of the default resources, by apiVersion and kind of a list.
var kindTables = map[string]kindTable{
	"v1 NamespaceList":                 tableOf("NAME,STATUS,AGE", namespaceCells),
	"v1 NodeList":                      tableOf("NAME,STATUS,ROLES,AGE,VERSION|INTERNAL-IP,EXTERNAL-IP,OS-IMAGE,KERNEL-VERSION,CONTAINER-RUNTIME", nodeCells),
	"v1 PodList":                       tableOf("NAME,READY,STATUS,RESTARTS,AGE|IP,NODE,NOMINATED NODE,READINESS GATES", podCells),
	"v1 ServiceList":                   tableOf("NAME,TYPE,CLUSTER-IP,EXTERNAL-IP,PORT(S),AGE|SELECTOR", serviceCells),
	"v1 ConfigMapList":                 tableOf("NAME,DATA,AGE", configMapCells),
	"apps/v1 DeploymentList":           tableOf("NAME,READY,UP-TO-DATE,AVAILABLE,AGE|CONTAINERS,IMAGES,SELECTOR", deploymentCells),
	"apps/v1 StatefulSetList":          tableOf("NAME,READY,AGE|CONTAINERS,IMAGES", statefulSetCells),
	"apps/v1 DaemonSetList":            tableOf("NAME,DESIRED,CURRENT,READY,UP-TO-DATE,AVAILABLE,NODE SELECTOR,AGE|CONTAINERS,IMAGES,SELECTOR", daemonSetCells),
	"batch/v1 JobList":                 tableOf("NAME,STATUS,COMPLETIONS,DURATION,AGE|CONTAINERS,IMAGES,SELECTOR", jobCells),
	"batch/v1 CronJobList":             tableOf("NAME,SCHEDULE,TIMEZONE,SUSPEND,ACTIVE,LAST SCHEDULE,AGE|CONTAINERS,IMAGES,SELECTOR", cronJobCells),
	"networking.k8s.io/v1 IngressList": tableOf("NAME,CLASS,HOSTS,ADDRESS,PORTS,AGE", ingressCells),
}

// batchRows is how many rows are lined up together. Columns keep the width that
// they once had, and grow where a later row needs it.
const batchRows = 500

// tablePrinter writes a table batch by batch.
type tablePrinter struct {
	w          io.Writer
	now        func() time.Time
	wide       bool
	namespaces bool // show them, where objects have one

	table  kindTable
	begun  bool
	rows   [][]string
	widths []int
}

func (p *tablePrinter) item(page *objectPage, item []byte) error {
	var id identity
	if err := json.Unmarshal(item, &id); err != nil {
		return fmt.Errorf("read an object: %w", err)
	}
	if !p.begun {
		p.begin(page, &id)
	}
	cells, err := p.table.cells(item, p.now())
	if err != nil {
		return err
	}
	p.add(id.Metadata.Namespace, cells)
	if len(p.rows) < batchRows {
		return nil
	}
	return p.flush()
}

// begin chooses the columns by the list's kind, and by what its first object is.
func (p *tablePrinter) begin(page *objectPage, first *identity) {
	p.begun = true
	var known bool
	if p.table, known = kindTables[page.APIVersion+" "+page.Kind]; !known {
		p.table = anyTable
	}
	p.namespaces = p.namespaces && first.Metadata.Namespace != ""
	p.add("NAMESPACE", p.table.columns)
}

func (p *tablePrinter) add(namespace string, cells []string) {
	row := make([]string, 0, len(cells)+1)
	if p.namespaces {
		row = append(row, namespace)
	}
	if !p.wide {
		cells = cells[:p.table.narrow]
	}
	for _, c := range cells {
		row = append(row, printable(c))
	}
	for len(p.widths) < len(row) {
		p.widths = append(p.widths, 0)
	}
	for i := range row {
		p.widths[i] = max(p.widths[i], utf8.RuneCountInString(row[i]))
	}
	p.rows = append(p.rows, row)
}

func (p *tablePrinter) flush() error {
	var b strings.Builder
	for _, row := range p.rows {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", p.widths[i]-utf8.RuneCountInString(cell)+3))
			}
		}
		b.WriteByte('\n')
	}
	p.rows = p.rows[:0]
	_, err := io.WriteString(p.w, b.String())
	return err
}

func (p *tablePrinter) end(bool) error { return p.flush() }

// age is how long ago something was, as kubectl rounds it.
func age(t metav1.Time, now time.Time) string {
	if t.IsZero() {
		return "<unknown>"
	}
	return elapsed(now.Sub(t.Time))
}

// orNone is what kubectl shows for nothing.
func orNone(text string) string {
	if text == "" {
		return "<none>"
	}
	return text
}
