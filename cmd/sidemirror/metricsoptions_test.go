package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

func TestMetricsListenFlag(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	kubeconfig := writeFile(t, "kubeconfig", kubeconfig)
	for _, tt := range []struct{ address, want string }{
		{"9090", `--metrics-listen: "9090" isn't HOST:PORT`},
		{"127.0.0.1:", `--metrics-listen: "127.0.0.1:" isn't HOST:PORT`},
		{"127.0.0.1:8080", "--metrics-listen: that is the address of --listen, which answers /metrics without this flag; want another"},
		{"host.invalid:9090", "--metrics-listen: listen on \"host.invalid:9090\""},
		{taken.Addr().String(), fmt.Sprintf("--metrics-listen: listen on %q: bind: address already in use: "+
			"stop the process that holds it, or choose another address", taken.Addr())},
	} {
		listen := "127.0.0.1:0"
		if tt.address == "127.0.0.1:8080" {
			listen = tt.address
		}
		_, _, err := sidemirror(t, "run", "--kubeconfig", kubeconfig, "--store", "sqlite:"+filepath.Join(t.TempDir(), "x.db"),
			"--listen", listen, "--metrics-listen", tt.address)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.address, err, tt.want)
		}
	}
}
