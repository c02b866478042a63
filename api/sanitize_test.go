package api_test

import (
	"strings"
	"testing"

	"github.com/sidemirror/sidemirror/api"
)

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return s == strings.TrimSpace(s)
}

func TestSanitize(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"Deployment", "Deployment"},
		{"6/11", "6/11"},
		{"a\r\nb", "a  b"},
		{"\x00\x1b[0m", "[0m"},
		{"größe", "gr??e"},
		{"dial tcp 10.0.0.1:27017: connection refused", "dial tcp 10.0.0.1:27017: connection refused"},
		{"get https://10.0.0.1:6443/api/v1/pods: EOF", "get https://10.0.0.1:6443/api/v1/pods: EOF"},
		{"get https://[::1]:6443/x: EOF", "get https://[::1]:6443/x: EOF"},
		{"mongodb://u:p@h1,h2/x", "mongodb://***@h1,h2/x"},
		{"mongodb+srv://u:p@ss/w?r#d@h/x", "mongodb+srv://***@h/x"},
		{`parse "mongodb://u:my pass@h": bad`, `parse "mongodb://***@h": bad`},
		{"mongodb://u:cut-off-secret", "mongodb://***"},
		{"a://u:p@h b://v:q@i", "a://***@h b://***@i"},
		{"login u:p@host", "login ***host"},
		{`password="a b" rest`, "password=*** rest"},
		{"MONGO_PASSWORD=x rest", "MONGO_PASSWORD=*** rest"},
		{`{"clientSecret":"x"}`, `{"clientSecret":***}`},
		{"Authorization: Bearer abcdefgh.ijkl", "Authorization:***"},
		{"jwt eyJhbGciOi.eyJzdWIi.c2ln end", "jwt *** end"},
		{"boom\ngoroutine 1 [running]:\nmain.main()", "boom"},
	} {
		if got := api.Sanitize(tt.in); got != tt.want {
			t.Errorf("Sanitize(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
	if got := api.Sanitize(strings.Repeat("x", 300)); len(got) != 256 || !strings.HasSuffix(got, "...") {
		t.Errorf("long value = %q (%d bytes)", got, len(got))
	}
}

func FuzzSanitize(f *testing.F) {
	for _, text := range hostile {
		f.Add(text, "pw")
	}
	f.Add("x ", "a/b?c#d@e:f")
	f.Fuzz(func(t *testing.T, text, password string) {
		got := api.Sanitize(text)
		if !printable(got) || len(got) > 256 {
			t.Errorf("Sanitize(%q) = %q", text, got)
		}
		// A password that a URI can hold, marked so that it can't be part of the rest.
		if strings.ContainsAny(password, " \t\r\n\"'<>`@") {
			return
		}
		secret := "Zq7" + password + "7qZ"
		if out := api.Redact(text + " mongodb://user:" + secret + "@host/db"); strings.Contains(out, secret) && !strings.Contains(text, "Zq7") {
			t.Errorf("Redact keeps %q: %q", secret, out)
		}
	})
}
