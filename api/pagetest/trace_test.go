package pagetest

import (
	"strings"
	"testing"
)

// A trace is a link where its address is one of the web, and a text otherwise: the
// document may come through a server that isn't Sidemirror.
func TestARunLinksToItsTrace(t *testing.T) {
	for _, tt := range []struct {
		address string
		linked  bool
	}{
		{"https://jaeger.example/trace/0a1b", true}, {"http://127.0.0.1:16686/trace/0a1b", true},
		{"javascript:document.title='run'", false}, {"data:text/html,x", false}, {"//jaeger.example/0a1b", false}, {"", false},
	} {
		s, runs := live(), pastRuns(1)
		s.TraceID, s.TraceURL = "0a1b", tt.address
		runs[0].TraceID, runs[0].TraceURL = "0a1b", tt.address
		b := open(t)
		b.visit(newStage(t, s, runs...).url)
		b.awaitText("#identity", "0a1b")
		b.await("the run's row", `document.querySelectorAll('#runs tr').length === 1`)
		want := ""
		if tt.linked {
			want = tt.address + " noopener noreferrer"
		}
		for _, where := range []string{"#identity", "#runs"} {
			links := eval[[]string](b, `[...document.querySelectorAll('`+where+` a')].map((a) => a.getAttribute('href') + ' ' + a.rel)`)
			if got := strings.Join(links, ", "); got != want {
				t.Errorf("%s of %q: links %q, want %q", where, tt.address, got, want)
			}
		}
		b.content()
	}
}
