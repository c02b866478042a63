package api_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The programs of the documentation compile as they stand there.
func TestProgramsOfTheDocumentationCompile(t *testing.T) {
	text, err := os.ReadFile("../docs/embedding.md")
	if err != nil {
		t.Fatal(err)
	}
	programs := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(text, -1)
	if len(programs) != 2 {
		t.Fatalf("found %d programs, want 2", len(programs))
	}
	for _, program := range programs {
		path := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(path, program[1], 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "go", "vet", path).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s\n%s", err, out, program[1])
		}
	}
}

// An application that imports the middleware gets none of the clients that the
// daemon needs.
func TestImportsStayLight(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, heavy := range []string{
		"k8s.io/client-go/", "k8s.io/api/", "go.mongodb.org/", "modernc.org/", "github.com/prometheus/",
		"go.opentelemetry.io/otel/sdk", "google.golang.org/grpc", "github.com/spf13/",
	} {
		for imported := range strings.Lines(string(out)) {
			if strings.HasPrefix(imported, heavy) {
				t.Errorf("package api imports %s", strings.TrimSpace(imported))
			}
		}
	}
}
