package alerts_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// labels are the values that each label of a metric has; none listed: any.
type labels map[string][]string

// metrics are what there is to ask for, by name.
type metrics map[string]labels

// targetLabels are those that a scrape gives to every sample, as far as the rules
// may name them. Whoever keeps the samples of several Prometheus servers has cluster.
var targetLabels = []string{"cluster", "namespace", "job", "instance"}

var token = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[a-zA-Z_:][a-zA-Z0-9_:]*|[0-9][0-9a-z.]*|=~|!~|!=|==|>=|<=|\S`)

// setOperators stand between vectors, and labelLists before labels.
var (
	setOperators = []string{"and", "or", "unless"}
	labelLists   = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}
	name         = regexp.MustCompile(`^[a-zA-Z_:]`)
)

// reader takes the names out of one expression. It knows as much of PromQL as that
// needs; promtool checks the rest.
type reader struct {
	known  metrics
	tokens []string
	used   labels   // of all metrics that the expression names
	listed []string // labels by which it matches and groups
	wrong  []string
}

// read returns the labels of the metrics that expr names, and what it names that
// isn't there.
func read(known metrics, expr string) (labels, []string) {
	r := &reader{known: known, tokens: token.FindAllString(expr, -1), used: labels{}}
	for len(r.tokens) > 0 {
		switch word := r.take(); {
		case slices.Contains(labelLists, word):
			r.list()
		case slices.Contains(setOperators, word), !name.MatchString(word):
		case r.peek() == "(" || slices.Contains(labelLists, r.peek()): // a function
		default:
			r.metric(word)
		}
	}
	for _, label := range r.listed {
		if _, ok := r.used[label]; !ok && !slices.Contains(targetLabels, label) {
			r.wrong = append(r.wrong, fmt.Sprintf("no metric here has the label %s", label))
		}
	}
	return r.used, r.wrong
}

func (r *reader) peek() string {
	if len(r.tokens) == 0 {
		return ""
	}
	return r.tokens[0]
}

func (r *reader) take() string {
	word := r.peek()
	r.tokens = r.tokens[min(1, len(r.tokens)):]
	return word
}

// list reads "(a, b)".
func (r *reader) list() {
	for word := r.take(); word != ")" && word != ""; word = r.take() {
		if name.MatchString(word) {
			r.listed = append(r.listed, word)
		}
	}
}

// metric reads the matchers behind the name of a metric.
func (r *reader) metric(of string) {
	has, ok := r.known[of]
	if !ok {
		r.wrong = append(r.wrong, "no metric "+of)
	}
	maps.Copy(r.used, has)
	if r.peek() != "{" {
		return
	}
	r.take()
	for word := r.take(); word != "}" && word != ""; word = r.take() {
		if word == "," {
			continue
		}
		op, value := r.take(), strings.Trim(r.take(), `"`)
		if ok {
			r.matcher(of, has, word, op, value)
		}
	}
}

func (r *reader) matcher(of string, has labels, label, op, value string) {
	values, ok := has[label]
	if !ok {
		if !slices.Contains(targetLabels, label) {
			r.wrong = append(r.wrong, fmt.Sprintf("%s has no label %s", of, label))
		}
		return
	}
	alternatives := []string{value}
	if op == "=~" || op == "!~" {
		alternatives = strings.Split(value, "|")
	}
	for _, one := range alternatives {
		if len(values) > 0 && !slices.Contains(values, one) {
			r.wrong = append(r.wrong, fmt.Sprintf("%s of %s is never %q", label, of, one))
		}
	}
}

func TestAnExpressionThatNamesWhatIsNotThereIsFound(t *testing.T) {
	known := metrics{
		"a":   labels{"status": {"failed", "completed"}, "resource": nil},
		"b":   labels{},
		"j:b": labels{"le": nil},
	}
	for _, tt := range []struct {
		expr string
		want []string
	}{
		{`sum without (status) (rate(a{status=~"failed|completed", resource="pods", job="x"}[5m])) > 10 * 60`, nil},
		{`a == 1 and ignoring (status) b unless on (job, instance) histogram_quantile(0.9, j:b)`, nil},
		{`max by (cluster, resource) (a) > on (job) group_left () b`, nil},
		{`renamed > 0`, []string{"no metric renamed"}},
		{`b / rate(renamed{status="failed"}[5m])`, []string{"no metric renamed"}},
		{`a{state="failed"}`, []string{"a has no label state"}},
		{`a{status="fialed"}`, []string{`status of a is never "fialed"`}},
		{`a{status!~"failed|idle"}`, []string{`status of a is never "idle"`}},
		{`b and ignoring (state) a`, []string{"no metric here has the label state"}},
		{`count by (pod) (b)`, []string{"no metric here has the label pod"}},
	} {
		if _, got := read(known, tt.expr); cmp.Diff(tt.want, got) != "" {
			t.Errorf("%s: got %q, want %q", tt.expr, got, tt.want)
		}
	}
}
