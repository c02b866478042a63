package api

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	// rereadInterval is how often files are looked at, on use.
	rereadInterval = time.Second
	maxFileBytes   = 1 << 20
)

// reread is a value that is made from files, and made again when they change. It
// compares what is in them, because a mounted Secret changes by a symlink swap,
// and a quick edit keeps size and time. Files that can't be read or understood
// leave the value as it is: half-written ones are on their way to being whole.
type reread[T any] struct {
	what    string // for texts: "token file"
	paths   []string
	private string // the one of paths that not everybody should be able to read
	parse   func(contents [][]byte) (T, error)
	log     hclog.Logger

	current atomic.Pointer[T]
	mu      sync.Mutex // held by the one that looks; the fields below are its own
	looked  time.Time
	digest  [sha256.Size]byte
	trouble string // what the log was told last
}

// open makes the first value; files that are no good are an error then.
func (f *reread[T]) open() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.log == nil {
		f.log = hclog.NewNullLogger()
	}
	f.looked = time.Now()
	_, err := f.look()
	return err
}

// get returns the value, and at most once an interval looks at the files before.
// Meanwhile, others get the value of before.
func (f *reread[T]) get() T {
	if f.mu.TryLock() {
		if now := time.Now(); now.Sub(f.looked) >= rereadInterval {
			f.looked = now
			f.tell(f.look())
		}
		f.mu.Unlock()
	}
	return *f.current.Load()
}

// look makes the value anew if the files have changed. It is called with mu held.
func (f *reread[T]) look() (changed bool, err error) {
	contents := make([][]byte, 0, len(f.paths))
	digest := sha256.New()
	for _, path := range f.paths {
		content, err := readFile(path)
		if err != nil {
			return false, err
		}
		contents = append(contents, content)
		fmt.Fprintf(digest, "%d:", len(content))
		digest.Write(content)
	}
	sum := [sha256.Size]byte(digest.Sum(nil))
	if sum == f.digest {
		return false, nil
	}
	value, err := f.parse(contents)
	if err != nil {
		return false, err
	}
	f.current.Store(&value)
	f.digest = sum
	f.warn()
	return true, nil
}

// tell logs what has changed since it was called last.
func (f *reread[T]) tell(changed bool, err error) {
	switch {
	case err != nil && err.Error() != f.trouble:
		f.trouble = err.Error()
		f.log.Error(f.what+" can't be reread; what was read before stays in force", "error", err)
	case err == nil && changed:
		f.trouble = ""
		f.log.Info(f.what+" reread", "path", f.paths[0])
	case err == nil:
		f.trouble = ""
	}
}

// warn tells of a secret that everybody on this machine can read.
func (f *reread[T]) warn() {
	if info, err := os.Stat(f.private); err == nil && info.Mode().Perm()&0o004 != 0 {
		f.log.Warn(f.what+" can be read by every user of this machine", "path", f.private, "mode", info.Mode().Perm())
	}
}

// readFile reads a file of sane size whole. Its errors name it once.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s isn't there", path)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // opening a pipe would wait for its writer
		return nil, fmt.Errorf("%s isn't a file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return content, nil
}
