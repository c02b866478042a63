package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func pageHandler(at string) http.Handler {
	return api.NewHandler(api.Options{Status: func() *syncer.Status { return inProgress() }, Page: at})
}

var reference = regexp.MustCompile(`(?:src|href)="([^"#{][^"]*)"|from '(\./[^']+)'`)

// references returns what a file of the page refers to, as it is written there.
func references(text string) []string {
	var out []string
	for _, m := range reference.FindAllStringSubmatch(text, -1) {
		if ref := m[1] + m[2]; ref != "data:," {
			out = append(out, ref)
		}
	}
	return out
}

func TestThePageAndAllThatItRefersToAreServedWhereverItIsMounted(t *testing.T) {
	for _, at := range []string{"/", "/-/sidemirror/", "a/b"} {
		server := httptest.NewServer(pageHandler(at))
		base := server.URL + "/" + strings.Trim(at, "/")
		todo, seen := []string{strings.TrimSuffix(base, "/") + "/"}, map[string]bool{}
		for len(todo) > 0 {
			url := todo[0]
			todo = todo[1:]
			if seen[url] {
				continue
			}
			seen[url] = true
			res, err := http.Get(url)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("page at %q: %s: %s %v", at, url, res.Status, err)
			}
			if strings.Contains(res.Header.Get("Content-Type"), "json") {
				continue
			}
			for _, ref := range references(string(body)) {
				next, err := res.Request.URL.Parse(ref)
				if err != nil {
					t.Fatal(err)
				}
				todo = append(todo, next.String())
			}
		}
		if len(seen) < 10 {
			t.Errorf("page at %q: followed %d references, want the whole page: %v", at, len(seen), seen)
		}
		server.Close()
	}
}

func TestThePageLoadsNothingFromOutsideAndNothingInline(t *testing.T) {
	h := pageHandler("")
	for _, path := range []string{"/", "/-/page.css", "/-/page.js", "/-/feed.js"} {
		res := do(h, "GET", path)
		if got := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(got, policy) {
			t.Errorf("%s: policy = %q, want %q", path, got, policy)
		}
		body := read(t, res)
		for _, forbidden := range []string{"://", "<style", " style=", "onclick", "onload", "innerHTML", "insertAdjacentHTML", "document.write", "eval("} {
			if i := strings.Index(body, forbidden); i >= 0 {
				t.Errorf("%s has %q", path, body[max(0, i-30):min(len(body), i+40)])
			}
		}
		if res.Header.Get("Referrer-Policy") != "no-referrer" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, res.Header)
		}
	}
}

func TestThePageIsKeptByCachesAndAskedForAnew(t *testing.T) {
	h := pageHandler("")
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/-/page.css": "text/css; charset=utf-8", "/-/page.js": "text/javascript; charset=utf-8",
	} {
		get, head := do(h, "GET", path), do(h, "HEAD", path)
		etag := get.Header.Get("Etag")
		if get.Header.Get("Content-Type") != kind || get.Header.Get("Cache-Control") != "no-cache" || len(etag) < 10 {
			t.Errorf("GET %s: %s %v", path, get.Status, get.Header)
		}
		if head.StatusCode != http.StatusOK || head.Header.Get("Content-Length") != get.Header.Get("Content-Length") || head.Header.Get("Etag") != etag {
			t.Errorf("HEAD %s: %s %v", path, head.Status, head.Header)
		}
		if again := do(h, "GET", path, "If-None-Match", etag); again.StatusCode != http.StatusNotModified || read(t, again) != "" || again.Header.Get("Etag") != etag {
			t.Errorf("GET %s again: %s", path, again.Status)
		}
		if res := do(h, "POST", path); res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %s, want 405", path, res.Status)
		}
	}
	for _, path := range []string{"/-/", "/-/index.html", "/-/nothing.js", "/nothing", "/page/page.js"} {
		if res := do(h, "GET", path); res.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: %s, want 404", path, res.Status)
		}
	}
}
