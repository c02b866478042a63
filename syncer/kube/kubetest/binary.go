package kubetest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// BinaryEnv names a devcluster binary to use instead of building one.
const BinaryEnv = "SIDEMIRROR_DEVCLUSTER"

// versionFlags make the API server report the version that it is; without them
// kubectl can't parse it.
const versionFlags = "-X k8s.io/component-base/version.gitVersion=v1.37.2" +
	" -X k8s.io/component-base/version.gitMajor=1" +
	" -X k8s.io/component-base/version.gitMinor=37"

// binary returns the path of devcluster, which it builds at most once a process.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(BinaryEnv); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("find the binary of %s: %w", BinaryEnv, err)
		}
		return filepath.Abs(path)
	}
	root, err := repository()
	if err != nil {
		return "", err
	}
	return build(filepath.Join(root, "cmd", "devcluster"), filepath.Join(root, "bin"))
})

// repository walks up from the package under test to the folder that holds
// devcluster. It works with -trimpath, where source paths are of no use.
func repository() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "cmd", "devcluster", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find the repository: no cmd/devcluster above %s; set %s", start, BinaryEnv)
		}
	}
}

// build makes bin/devcluster unless it is newer than its sources. The lock makes
// other test processes wait for the one that builds; the rename keeps clusters
// that run from the old binary unharmed.
func build(source, bin string) (string, error) {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", fmt.Errorf("make the folder of devcluster: %w", err)
	}
	unlock, err := lockFile(filepath.Join(bin, ".devcluster.lock"))
	if err != nil {
		return "", fmt.Errorf("lock the build of devcluster: %w", err)
	}
	defer unlock()

	target := filepath.Join(bin, "devcluster")
	if fresh, err := newerThanSources(target, source); fresh || err != nil {
		return target, err
	}
	temporary := target + ".new"
	cmd := exec.Command("go", "build", "-buildvcs=false", "-ldflags", versionFlags, "-o", temporary, ".")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build devcluster: %w\n%s", err, out)
	}
	return target, os.Rename(temporary, target)
}

// newerThanSources says whether target was made after the last change in source.
func newerThanSources(target, source string) (bool, error) {
	made, err := os.Stat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var changed time.Time
	err = filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.ModTime().After(changed) {
			changed = info.ModTime()
		}
		return err
	})
	return made.ModTime().After(changed), err
}
