package api_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/sidemirror/sidemirror/api"
)

// secretVolume is a folder as the kubelet mounts a Secret: files are links into
// ..data, which is a link that is swapped.
type secretVolume struct {
	t    *testing.T
	dir  string
	next int
}

func newSecretVolume(t *testing.T, files map[string]string) *secretVolume {
	v := &secretVolume{t: t, dir: t.TempDir()}
	v.swap(files)
	for name := range files {
		if err := os.Symlink(filepath.Join("..data", name), v.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func (v *secretVolume) path(name string) string { return filepath.Join(v.dir, name) }

// swap shows other files, all at once.
func (v *secretVolume) swap(files map[string]string) {
	v.t.Helper()
	v.next++
	folder := fmt.Sprintf("..%d", v.next)
	err := os.Mkdir(v.path(folder), 0o700)
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(v.path(folder), name), []byte(text), 0o600))
	}
	err = errors.Join(err, os.Symlink(folder, v.path("..data_tmp")), os.Rename(v.path("..data_tmp"), v.path("..data")))
	if err != nil {
		v.t.Fatal(err)
	}
}

func newLog(to *bytes.Buffer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: to, Level: hclog.Trace})
}

func tokenFile(t *testing.T, path string, log hclog.Logger) http.Handler {
	t.Helper()
	tokens, err := api.OpenTokenFile(path, log)
	if err != nil {
		t.Fatal(err)
	}
	return guarded(api.NewGuard(api.GuardOptions{Authenticator: tokens, Authorizer: tokens}))
}

const lines = `
# role  name  token
read    dash  ` + reader + `
  control	ops   ` + operator + `
read dash second+token/of.dash~1==
`

func TestTokenFileRoles(t *testing.T) {
	v := newSecretVolume(t, map[string]string{"tokens": lines + "\r\n"})
	h := tokenFile(t, v.path("tokens"), nil)
	tests := []struct {
		token         string
		data, control int
	}{
		{reader, 200, 403}, {"second+token/of.dash~1==", 200, 403}, {operator, 200, 202},
		{"second+token/of.dash~1=", 401, 401}, {strings.ToUpper(reader), 401, 401}, {"dash", 401, 401},
	}
	for _, tt := range tests {
		if res := do(h, "GET", podsPath, "Authorization", "Bearer "+tt.token); res.StatusCode != tt.data {
			t.Errorf("%s for data: got %s, want %d", tt.token, res.Status, tt.data)
		}
		if res := do(h, "POST", pausePath, "Authorization", "Bearer "+tt.token); res.StatusCode != tt.control {
			t.Errorf("%s for control: got %s, want %d", tt.token, res.Status, tt.control)
		}
	}
	detail := isProblem(t, do(h, "POST", pausePath, "Authorization", "Bearer "+reader), 403)
	if want := `the role of "dash" is read; this needs a token whose role is control`; detail != want {
		t.Errorf("got %q, want %q", detail, want)
	}
}

// What is wrong with a file is told by its line, without a word of what is in it.
func TestTokenFileMistakes(t *testing.T) {
	const good = "read a " + reader + "\n"
	tests := []struct{ name, text, want string }{
		{"empty", "", "there is no token in it; want lines of ROLE NAME TOKEN"},
		{"comments alone", "# read a b\n\n", "there is no token in it; want lines of ROLE NAME TOKEN"},
		{"token alone", "hunter2hunter2hunter2", "line 1: want ROLE NAME TOKEN, got words: 1"},
		{"four words", good + "read a hunter2 hunter2hunter2hunter2", "line 2: want ROLE NAME TOKEN, got words: 4"},
		{"no such role", "\n\nhunter2hunter2hunter2 a b", "line 3: the role, its first word, must be read or control"},
		{"name", "read hünter2 " + reader, "line 1: the name, its second word, must be printable ASCII of at most 64 bytes"},
		{"short token", "control a hunter2hunter2b", "line 1: the token has 15 bytes, want 16 or more; openssl rand -hex 32 makes one"},
		{"quoted token", `read a "hunter2hunter2hunter2"`, "line 1: the token has characters that can't be sent; want letters, digits and -._~+/, with = at the end"},
		{"binary", "read a hunter2hunter2\x00hunter2", "line 1: the token has characters that can't be sent; want letters, digits and -._~+/, with = at the end"},
		{"same token", good + "\ncontrol b " + reader, "line 3: the token is that of line 1"},
		{"too many", manyTokens(1001), "there are 1001 tokens in it, want 1000 or fewer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tokens")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := api.OpenTokenFile(path, nil)
			if want := path + ": " + tt.want; err == nil || err.Error() != want {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
	dir := t.TempDir()
	for path, want := range map[string]string{dir: dir + " isn't a file", dir + "/none": dir + "/none isn't there"} {
		if _, err := api.OpenTokenFile(path, nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func manyTokens(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "read user token-number-%08d\n", i)
	}
	return b.String()
}

func TestTokenFileIsRereadWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		v := newSecretVolume(t, map[string]string{"tokens": lines})
		h := tokenFile(t, v.path("tokens"), newLog(&log))
		code := func(token string) int { return do(h, "GET", podsPath, "Authorization", "Bearer "+token).StatusCode }
		expect := func(when string, old, renewed int) {
			t.Helper()
			if got := code(reader); got != old {
				t.Errorf("%s: old token: got %d, want %d", when, got, old)
			}
			if got := code("renewed-token-0123456789"); got != renewed {
				t.Errorf("%s: new token: got %d, want %d", when, got, renewed)
			}
		}
		expect("at first", 200, 401)
		v.swap(map[string]string{"tokens": "read dash renewed-token-0123456789"})
		expect("within the second", 200, 401)
		time.Sleep(time.Second)
		expect("a second later", 401, 200)

		for name, files := range map[string]map[string]string{
			"malformed": {"tokens": lines + "hunter2hunter2hunter2"}, "empty": {"tokens": ""}, "away": {},
		} {
			v.swap(files)
			time.Sleep(time.Second)
			expect(name, 401, 200)
			log.Reset()
			time.Sleep(time.Second)
			if expect(name, 401, 200); log.Len() > 0 {
				t.Errorf("%s: told again: %s", name, &log)
			}
		}
		v.swap(map[string]string{"tokens": lines})
		time.Sleep(time.Second)
		expect("restored", 200, 401)
	})
}

// Same size, same modification time: what is in the file counts.
func TestTokenFileIsRereadWhateverItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "tokens")
		then := time.Unix(1e9, 0)
		write := func(text string) {
			if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, then, then)); err != nil {
				t.Fatal(err)
			}
		}
		write("read a " + reader)
		h := tokenFile(t, path, nil)
		write("read a " + strings.ToUpper(reader))
		time.Sleep(time.Second)
		if res := do(h, "GET", podsPath, "Authorization", "Bearer "+reader); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("got %s, want 401", res.Status)
		}
	})
}

func TestLogTellsWhatHappenedWithoutTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		path := filepath.Join(t.TempDir(), "tokens")
		write := func(text string) {
			if err := errors.Join(os.WriteFile(path, []byte(text), 0o644), os.Chmod(path, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		write(lines)
		tokens, err := api.OpenTokenFile(path, newLog(&log))
		if err != nil {
			t.Fatal(err)
		}
		h := guarded(api.NewGuard(api.GuardOptions{Authenticator: tokens, Authorizer: tokens, Log: newLog(&log)}))
		next := func(text string) {
			write(text)
			time.Sleep(time.Second)
			do(h, "POST", pausePath, "Authorization", "Bearer "+reader)
		}
		next(lines)
		next(lines + "read x " + "hunter2")
		next(lines + "\n# rotated")
		for range 12 {
			do(h, "GET", podsPath, "Authorization", "Bearer hunter2hunter2hunter2")
		}
		for _, want := range []string{
			"can be read by every user of this machine", "can't be reread; what was read before stays in force",
			"line 6: the token has 7 bytes", "token file reread", "request forbidden", "too many invalid tokens: address=192.0.2.1/32",
		} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("log has no %q:\n%s", want, &log)
			}
		}
		if got := strings.Count(log.String(), "too many invalid tokens"); got != 1 {
			t.Errorf("too many invalid tokens: told %d times, want 1", got)
		}
		for _, secret := range []string{"hunter2", reader, operator} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("log has a token:\n%s", &log)
			}
		}
	})
}

// BenchmarkToken is what a request with a token costs beyond its answer.
func BenchmarkToken(b *testing.B) {
	for _, tokens := range []int{1, 1000} {
		b.Run(fmt.Sprint(tokens), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "tokens")
			if err := os.WriteFile(path, []byte(manyTokens(tokens)), 0o600); err != nil {
				b.Fatal(err)
			}
			file, err := api.OpenTokenFile(path, nil)
			if err != nil {
				b.Fatal(err)
			}
			h := api.NewGuard(api.GuardOptions{Authenticator: file, Authorizer: file}).Protect(
				http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(*http.Request) api.Attributes { return api.Attributes{} })
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer token-number-00000000")
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != http.StatusOK {
				b.Fatalf("got %d", w.Code)
			}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
