// Package pagetest looks at the page of package api with a real browser. It is a
// module of its own, for the browser driver's sake.
//
// It takes a Chromium: the one of SIDEMIRROR_BROWSER, or one that is in the path.
// Without one the tests are skipped; scripts/browser.sh installs it. Pictures of
// what was looked at go to SIDEMIRROR_SCREENSHOTS, or the tests' artifacts.
//
// Reading order: browser_test.go (a tab, and what is asked of it), source_test.go
// and engine_test.go (a real engine on a cluster that does as it is told),
// stage_test.go (documents and streams as the contract has them), then the tests.
package pagetest
