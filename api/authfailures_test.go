package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidemirror/sidemirror/api"
)

func from(h http.Handler, address, token string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, podsPath, nil)
	r.RemoteAddr = address
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestInvalidTokensAreLimitedByAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := withUsers(&users{})
		for range 10 {
			isProblem(t, from(h, "192.0.2.1:1000", "wrong"), http.StatusUnauthorized)
		}
		limited := from(h, "192.0.2.1:2000", "wrong")
		isProblem(t, limited, http.StatusTooManyRequests)
		if got := limited.Header.Get("Retry-After"); got != "6" {
			t.Errorf("Retry-After: got %q, want 6", got)
		}
		if res := from(h, "192.0.2.1:1000", reader); res.StatusCode != http.StatusOK {
			t.Errorf("valid token of the same address: got %s, want 200", res.Status)
		}
		isProblem(t, from(h, "192.0.2.2:1000", "wrong"), http.StatusUnauthorized)
		time.Sleep(6 * time.Second)
		isProblem(t, from(h, "192.0.2.1:1000", "wrong"), http.StatusUnauthorized)
		isProblem(t, from(h, "192.0.2.1:1000", "wrong"), http.StatusTooManyRequests)
	})
}

func TestAddressesOfOneIPv6CustomerShareTheLimit(t *testing.T) {
	h := withUsers(&users{})
	for i := range 10 {
		isProblem(t, from(h, fmt.Sprintf("[2001:db8:1:2::%x]:1", i+1), "wrong"), http.StatusUnauthorized)
	}
	isProblem(t, from(h, "[2001:db8:1:2:ffff::1]:1", "wrong"), http.StatusTooManyRequests)
	isProblem(t, from(h, "[2001:db8:1:3::1]:1", "wrong"), http.StatusUnauthorized)
}

// However many addresses send invalid tokens, the latest alone are remembered.
func TestLimitIsBounded(t *testing.T) {
	h := withUsers(&users{})
	for i := range 20_000 {
		res := from(h, fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), "wrong")
		if res.StatusCode != http.StatusUnauthorized {
			t.Fatalf("address %d: got %s, want 401", i, res.Status)
		}
	}
	if got := api.RememberedAddresses(h); got != 4096 {
		t.Errorf("remembered addresses: got %d, want 4096", got)
	}
}
