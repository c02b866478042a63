package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

const kubeconfig = `
apiVersion: v1
kind: Config
current-context: prod
clusters:
- {name: "arn:aws:eks:eu:1:cluster/prod", cluster: {server: "https://127.0.0.1:1"}}
contexts:
- {name: prod, context: {cluster: "arn:aws:eks:eu:1:cluster/prod", user: me}}
- {name: dev, context: {cluster: gone, user: me}}
users:
- {name: me, user: {token: hunter2}}
`

// Each mistake is one line that says what to do, without any credential.
func TestMistakes(t *testing.T) {
	short := writeFile(t, "key", "short")
	none := filepath.Join(t.TempDir(), "none")
	const key = "isn't there"
	tests := []struct {
		name string
		args []string
		env  map[string]string
		code int
		want string
	}{
		{"unknown command", []string{"statsu"}, nil, 2, `unknown command "statsu"; did you mean status? (see sidemirror --help)`},
		{"unlike any command", []string{"x"}, nil, 2, `unknown command "x" (see sidemirror --help)`},
		{"unknown flag", []string{"run", "--stoer=x"}, nil, 2, `unknown flag: --stoer (see sidemirror run --help)`},
		{"argument", []string{"run", "pods"}, nil, 2, `unexpected argument "pods" (see sidemirror run --help)`},
		{"no number", []string{"run", "--page-size=x"}, nil, 2, `invalid argument "x" for "--page-size" flag: must be an integer (see sidemirror run --help)`},
		{"no such word", []string{"run", "--secrets=hide"}, nil, 2, `invalid argument "hide" for "--secrets" flag: want redacted or plain (see sidemirror run --help)`},
		{"number in the environment", nil, map[string]string{"SIDEMIRROR_PAGE_SIZE": "x"}, 1, `SIDEMIRROR_PAGE_SIZE: "x" isn't a whole number`},
		{"word in the environment", nil, map[string]string{"SIDEMIRROR_LOG_FORMAT": "xml"}, 1, `SIDEMIRROR_LOG_FORMAT: "xml" isn't text or json`},
		{"duration in the environment", []string{"wait"}, map[string]string{"SIDEMIRROR_TIMEOUT": "5"}, 1, `SIDEMIRROR_TIMEOUT: "5" isn't a duration such as 30s`},
		{"file of settings", []string{"--config", none}, nil, 1, "read the configuration: NONE " + key},
		{"store without scheme", []string{"--store=hunter2"}, nil, 1, "--store: want mongodb://…, mongodb+srv://… or sqlite:PATH"},
		{"user taken for a scheme", []string{"--store=user:hunter2@db"}, nil, 1, "--store: want mongodb://…, mongodb+srv://… or sqlite:PATH"},
		{"unknown scheme", []string{"--store=postgres://u:hunter2@db"}, nil, 1, "--store: unknown scheme postgres://, want mongodb://…, mongodb+srv://… or sqlite:PATH"},
		{"sqlite without path", []string{"--store=sqlite:"}, nil, 1, "--store: sqlite: needs a path behind it"},
		{"sqlite as a URL", []string{"--store=sqlite://x.db"}, nil, 1, "--store: write sqlite:PATH, without //"},
		{"selector without resource", []string{"--selector==x"}, nil, 1, `--selector: "=x" isn't RESOURCE=SELECTOR`},
		{"selector without selector", []string{"--selector=pods"}, nil, 1, `--selector: "pods" isn't RESOURCE=SELECTOR`},
		{"selector that is none", []string{"--selector=pods=a in (b"}, nil, 1, "--selector: of pods: unable to parse requirement: found '', expected: ',' or ')'"},
		{"two selectors", []string{"--selector=pods=a", "--selector=pods=b"}, nil, 1, "--selector: two of them for pods; join them with a comma"},
		{"no resource", []string{"--resources=-"}, nil, 1, `--resources: "-" names no resource`},
		{"no namespace", []string{"--namespaces=Shop"}, nil, 1, `--namespaces: "Shop" can't be a namespace: a lowercase RFC 1123 label must consist of`},
		{"cluster", []string{"--cluster=a/b"}, nil, 1, `--cluster: "a/b" has a / in it, which separates the parts of a key`},
		{"page size", []string{"--page-size=0"}, nil, 1, "--page-size: want 1 or more, got 0"},
		{"parallel", []string{"--parallel=0"}, nil, 1, "--parallel: want 1 or more, got 0"},
		{"listen", []string{"--listen=8080"}, nil, 1, `--listen: "8080" isn't HOST:PORT`},
		{"key for nothing", []string{"--secrets=plain", "--secrets-key-file=x"}, nil, 1, "--secrets-key-file: has no use with --secrets plain"},
		{"no key", []string{"--secrets-key-file", none}, nil, 1, "--secrets-key-file: NONE " + key},
		{"short key", []string{"--secrets-key-file", short}, nil, 1, "--secrets-key-file: SHORT has 5 bytes, want 16 or more"},
		{"no kubeconfig", nil, nil, 1, "no kubeconfig: $KUBECONFIG and ~/.kube/config name no cluster, and this is no Pod; name a file with --kubeconfig"},
		{"no such kubeconfig", []string{"--kubeconfig", none}, nil, 1, "--kubeconfig: NONE " + key},
		{"no such context", []string{"--context=x", "--kubeconfig", writeFile(t, "k", kubeconfig)}, nil, 1, `the kubeconfig has no context "x" (it has dev, prod)`},
		{"context without cluster", []string{"--context=dev", "--kubeconfig", writeFile(t, "k", kubeconfig)}, nil, 1, `the kubeconfig's context "dev" names the cluster "gone", which isn't in it`},
		{"server", []string{"status", "--server=127.0.0.1:8080"}, nil, 1, "--server: want http://HOST:PORT or https://HOST:PORT"},
		{"interval", []string{"wait", "--interval=0s"}, nil, 1, "--interval: want more than 0, got 0s"},
		{"timeout", []string{"wait", "--timeout=-1s"}, nil, 1, "--timeout: want 0 for none, or more, got -1s"},
		{"timeout of a command", []string{"pause", "--timeout=-1s"}, nil, 1, "--timeout: want 0 for none, or more, got -1s"},
		{"reason", []string{"pause", "--reason", strings.Repeat("x", 257)}, nil, 1, "--reason: has 257 bytes, at most 256 are kept"},
		{"reason that is no text", []string{"pause", "--reason", "\xff"}, nil, 1, "--reason: isn't UTF-8"},
		{"resources of what is for all", []string{"pause", "--resources=pods"}, nil, 2, "unknown flag: --resources (see sidemirror pause --help)"},
		{"limit", []string{"history", "--limit=0"}, nil, 1, "--limit: want 1 to 100, got 0"},
		{"two namespaces", []string{"namespaces", "a", "b"}, nil, 2, `unexpected argument "b" (see sidemirror namespaces --help)`},
		{"looks", []string{"verify", "--looks=1"}, nil, 2, "--looks: want 2 or more, got 1"},
		{"settle", []string{"verify", "--settle=-1s"}, nil, 2, "--settle: want 0 or more, got -1s"},
		{"store that isn't there", []string{"verify", "--store=sqlite:" + none, "--kubeconfig", writeFile(t, "k", kubeconfig)}, nil, 2, "--store: NONE " + key},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			_, stderr, err := sidemirror(t, tt.args...)
			if err == nil {
				t.Fatal("got no error")
			}
			got := strings.NewReplacer(none, "NONE", short, "SHORT").Replace(err.Error())
			if !strings.HasPrefix(got, tt.want) || exitCode(err) != tt.code {
				t.Errorf("got %q with code %d, want %q with %d", got, exitCode(err), tt.want, tt.code)
			}
			if strings.Contains(got, "\n") || strings.Contains(got+stderr, "hunter2") {
				t.Errorf("got %q and %q on stderr, want one line without credentials", got, stderr)
			}
		})
	}
}

// Whatever a parser of URIs quotes, no password gets out.
func TestStoreErrorsHideCredentials(t *testing.T) {
	for _, uri := range []string{
		"mongodb://user:hunter2@", "mongodb://user:hunter2@db/?authMechanism=nonsense", "mongodb://user:hunter2@db/?w=-1",
		"mongodb://user:hunter2%@db", "mongodb://user:hun/ter2:hunter2@db", "mongodb://user:hunter2@db:port", "mongodb://:hunter2@db",
		"mongodb://user:hunter2@a@db:1:2", "mongodb:user:hunter2@db", "mongodb://user:hunter2", "mongodb+srv:user:hunter2@db",
	} {
		if _, err := parseStore(uri); err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("parseStore(%q) says %q", uri, err)
		}
	}
}

func TestWithoutCredentials(t *testing.T) {
	inner := errors.New("server selection: mongodb://me:a/b@c@db1,db2/x is away; http://plain/ isn't")
	got := withoutCredentials(withCode(7, fmt.Errorf("connect: %w", inner)))
	if want := "connect: server selection: mongodb://***@db1,db2/x is away; http://plain/ isn't"; got.Error() != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if exitCode(got) != 7 || !errors.Is(got, inner) {
		t.Errorf("got code %d, want 7 and the chain kept", exitCode(got))
	}
}

func TestExitCode(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{nil, 0}, {errors.New("x"), 1}, {withCode(2, errors.New("x")), 2},
		{fmt.Errorf("outer: %w", withCode(124, errors.New("x"))), 124}, {withCode(2, nil), 0},
	}
	for _, tt := range tests {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("exitCode(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
}

// The cluster's name separates keys in the store, where a / ends it.
func TestClusterName(t *testing.T) {
	target, err := resolveKube(writeFile(t, "k", kubeconfig), "")
	if want := "arn:aws:eks:eu:1:cluster-prod"; err != nil || target.cluster != want {
		t.Errorf("got %q and %v, want %q", target.cluster, err, want)
	}
}
