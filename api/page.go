package api

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// pageFiles is the page as it is sent: there is no build step.
//
//go:embed page
var pageFiles embed.FS

// pageDocument is the file at the page's own path; the others are below assetPath.
const pageDocument = "index.html"

// assetPath keeps what the page is made of apart from the names of anything else.
const assetPath = "-/"

// pagePolicy lets the page load its own files and ask its own server, and nothing
// else. Without strings that become markup, texts from outside stay texts.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

var (
	pagePolicies = []string{pagePolicy}
	noReferrer   = []string{"no-referrer"}
	sameOrigin   = []string{"same-origin"}
)

// pageTypes are the media types of the page's files; those of the machine that
// serves them may be others.
var pageTypes = map[string][]string{
	".html": {"text/html; charset=utf-8"},
	".css":  {"text/css; charset=utf-8"},
	".js":   {"text/javascript; charset=utf-8"},
}

// pageFile is one file of the page, ready to be sent.
type pageFile struct {
	body               []byte
	etag, kind, length []string
}

// page registers the page at a path, "" for the root. Whatever it refers to is
// relative to that path, so that it also works below the prefix of a proxy.
func (a *handler) page(at string) {
	if at = strings.Trim(at, "/"); at != "" {
		at += "/"
	}
	at = "/" + at
	entries, err := pageFiles.ReadDir("page")
	if err != nil {
		panic(err) // a directory that is embedded can be read
	}
	for _, entry := range entries {
		file, route := newPageFile(entry.Name(), at), at+assetPath+entry.Name()
		if entry.Name() == pageDocument {
			route = at + "{$}"
		}
		a.read(route, file.answer)
	}
}

// newPageFile reads an embedded file of the page that is shown at a path.
func newPageFile(name, at string) *pageFile {
	body, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it was just listed
	}
	if name == pageDocument {
		body = []byte(strings.ReplaceAll(string(body), "{{root}}", pathToRoot(at)))
	}
	return &pageFile{
		body: body, kind: pageTypes[path.Ext(name)], length: []string{strconv.Itoa(len(body))},
		etag: []string{fmt.Sprintf(`"%x"`, sha256.Sum256(body))},
	}
}

// pathToRoot is the relative reference from a path that ends with a slash to "/".
func pathToRoot(at string) string {
	return "./" + strings.Repeat("../", strings.Count(at, "/")-1)
}

// answer sends the file. Caches keep it and ask whether it is still the one: the
// files of two versions don't go together.
func (f *pageFile) answer(w http.ResponseWriter, r *http.Request, _ *view) {
	h := w.Header()
	h["Etag"], h["Cache-Control"] = f.etag, noCache
	h["Content-Security-Policy"], h["Referrer-Policy"], h["Cross-Origin-Opener-Policy"] = pagePolicies, noReferrer, sameOrigin
	if matches(r.Header["If-None-Match"], f.etag[0]) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Type"], h["Content-Length"] = f.kind, f.length
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(f.body) // the client is gone
}
