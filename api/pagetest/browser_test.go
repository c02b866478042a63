package pagetest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// patience bounds each wait for something that the page shall show.
const patience = 20 * time.Second

// chrome is the one browser of all tests, started by the first that needs it.
var chrome struct {
	once sync.Once
	ctx  context.Context
	end  func()
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chrome.end != nil {
		chrome.end()
	}
	if daemonDir != "" {
		_ = os.RemoveAll(daemonDir) // in the folder for temporary files
	}
	os.Exit(code)
}

// findBrowser returns the path of a Chromium, "" when there is none.
func findBrowser() string {
	if path := os.Getenv("SIDEMIRROR_BROWSER"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func startChrome(path string) {
	dir, err := os.MkdirTemp("", "sidemirror-chrome-")
	if err != nil {
		chrome.err = err
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.NoSandbox, chromedp.DisableGPU)
	for _, flag := range []string{"disable-quic", "disable-component-update", "hide-scrollbars"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator)
	chrome.ctx, chrome.err = ctx, chromedp.Do(ctx)
	chrome.end = func() {
		_ = chromedp.Cancel(ctx) // the process is gone afterwards either way
		end()
		endAllocator()
		_ = os.RemoveAll(dir)
	}
}

// tab is a page in a browser profile of its own.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string // of the console and of the policy; guarded by mu
}

// open starts a tab of 1280 × 900 that ends with the test, which it fails if the
// page complained of anything.
func open(t *testing.T) *tab {
	t.Helper()
	path := findBrowser()
	if path == "" {
		t.Skip("no Chromium in the path, and SIDEMIRROR_BROWSER isn't set; scripts/browser.sh installs one")
	}
	chrome.once.Do(func() { startChrome(path) })
	if chrome.err != nil {
		t.Fatal(fmt.Errorf("start %s: %w", path, chrome.err))
	}
	ctx, end := chromedp.NewContext(chrome.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	b := &tab{t: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context of this
		t.Fatal(err)
	}
	go b.hear()
	b.do(chromedp.EmulateViewport(1280, 900))
	// The page itself keeps what its policy refused, from before its first script.
	do(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `window.violations = [];
		document.addEventListener('securitypolicyviolation', (e) => window.violations.push(e.violatedDirective + ' ' + e.blockedURI));`})
	t.Cleanup(func() {
		if t.Failed() {
			b.shoot("failed-" + strings.ReplaceAll(t.Name(), "/", "-"))
			t.Logf("the page shows:\n%s", b.text("body"))
		}
	})
	return b
}

// hear keeps what a developer would see in red, until the tab ends. Requests that
// fail are the network's doing, and some tests are about them.
func (b *tab) hear() {
	for m, err := range chromedp.Console(b.ctx) {
		if err != nil {
			return
		}
		if m.Source == "network" || m.Type != chromedp.ConsoleError && m.Type != chromedp.ConsoleWarning && !m.IsException() {
			continue
		}
		b.mu.Lock()
		b.complaints = append(b.complaints, m.String())
		b.mu.Unlock()
	}
}

// complained returns what was heard, and the page's own violations.
func (b *tab) complained() []string {
	b.t.Helper()
	violations := eval[[]string](b, `window.violations || []`)
	b.mu.Lock()
	defer b.mu.Unlock()
	return append(append([]string{}, b.complaints...), violations...)
}

// content fails the test if the page complained.
func (b *tab) content() {
	b.t.Helper()
	if got := b.complained(); len(got) > 0 {
		b.t.Errorf("the page complains: %s", strings.Join(got, "; "))
	}
}

// within bounds one step in the tab.
func within[T any](b *tab, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	return value
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	within(b, chromedp.Steps(steps...))
}

// do calls a command of the protocol.
func do[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	return within(b, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, command, params) })
}

// eval reads a value out of the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	return within(b, chromedp.Evaluate[T](expression))
}

// visit loads an address.
func (b *tab) visit(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// holds evaluates a condition.
func (b *tab) holds(condition string) bool {
	b.t.Helper()
	return eval[bool](b, "Boolean("+condition+")")
}

// await waits until a condition holds.
func (b *tab) await(what, condition string) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for !b.holds(condition) {
		if time.Now().After(deadline) {
			b.t.Fatalf("not seen within %s: %s", patience, what)
		}
		time.Sleep(25 * time.Millisecond)
	}
}

// awaitText waits until what the selector finds has a text in it.
func (b *tab) awaitText(selector, text string) {
	b.t.Helper()
	b.await(fmt.Sprintf("%q in %s", text, selector), fmt.Sprintf("document.querySelector(%q)?.checkVisibility() && document.querySelector(%q).textContent.includes(%q)", selector, selector, text))
}

// text is what is to be seen of an element.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// press sends a key to whatever has the focus.
func (b *tab) press(key string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(key))
}

// write types a text into whatever has the focus.
func (b *tab) write(text string) { b.t.Helper(); b.press(text) }

// click uses the mouse where the element is.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// scheme makes the system dark or light.
func (b *tab) scheme(name string) {
	b.t.Helper()
	do(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// shoot keeps a picture of the whole page.
func (b *tab) shoot(name string) {
	b.t.Helper()
	b.keep(name, within(b, chromedp.FullScreenshot(100)))
}

// shootView keeps a picture of what is on the screen.
func (b *tab) shootView(name string) {
	b.t.Helper()
	b.keep(name, within(b, chromedp.CaptureScreenshot()))
}

func (b *tab) keep(name string, picture []byte) {
	b.t.Helper()
	dir := cmp.Or(os.Getenv("SIDEMIRROR_SCREENSHOTS"), b.t.ArtifactDir())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
