package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"

	"k8s.io/klog/v2"
)

// openLog returns the path that etcd logs to, and where the rest logs to.
// Panics still go to stderr, which is where a parent process looks.
func openLog(path string) (string, io.WriteCloser, error) {
	if path == "-" {
		return "stderr", nopCloser{os.Stderr}, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("open log: %w", err)
	}
	return path, f, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// sendLogsTo points klog, which kube-apiserver logs with, at w. Its logging
// flags are deliberately not applied: they would set it back to stderr.
func sendLogsTo(w io.Writer, verbosity int) error {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, value := range map[string]string{
		"logtostderr":     "false",
		"alsologtostderr": "false",
		"stderrthreshold": "FATAL",
		"one_output":      "true",
		"v":               strconv.Itoa(verbosity),
	} {
		if err := flags.Set(name, value); err != nil {
			return fmt.Errorf("set klog's %s: %w", name, err)
		}
	}
	klog.SetOutput(w)
	return nil
}
