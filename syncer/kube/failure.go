package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidemirror/sidemirror/syncer"
)

// maxRetryAfter bounds what a server can ask for.
const maxRetryAfter = 10 * time.Minute

// maxStatusBytes bounds what is read of an answer that isn't 200.
const maxStatusBytes = 64 << 10

// reasonOf maps a status code of HTTP, or of a metav1.Status, to a reason.
func reasonOf(code int, reason metav1.StatusReason) syncer.Reason {
	switch {
	case code == http.StatusGone || reason == metav1.StatusReasonExpired || reason == metav1.StatusReasonGone:
		return syncer.ReasonExpired
	case code == http.StatusUnauthorized:
		return syncer.ReasonUnauthorized
	case code == http.StatusForbidden:
		return syncer.ReasonForbidden
	case code == http.StatusNotFound:
		return syncer.ReasonNotFound
	case code == http.StatusTooManyRequests:
		return syncer.ReasonThrottled
	case code >= 500:
		return syncer.ReasonUnavailable
	default:
		return syncer.ReasonInvalid
	}
}

// refused is the error for a response other than 200.
func refused(what string, resp *http.Response, body io.Reader) error {
	var st metav1.Status
	data, _ := io.ReadAll(io.LimitReader(body, maxStatusBytes)) // what could be read has to do
	if json.Unmarshal(data, &st) != nil || st.Kind != "Status" {
		st = metav1.Status{}
	}
	st.Code = int32(resp.StatusCode)
	if st.Message == "" {
		st.Message = fmt.Sprintf("the server answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return statusError(what, st, retryAfter(resp.Header.Get("Retry-After")))
}

// statusError is the error that a status says, whether it came as a response or
// within a watch.
func statusError(what string, st metav1.Status, wait time.Duration) error {
	if wait == 0 && st.Details != nil && st.Details.RetryAfterSeconds > 0 {
		wait = time.Duration(st.Details.RetryAfterSeconds) * time.Second
	}
	text := st.Message
	if text == "" {
		text = fmt.Sprintf("the server answered %d %s", st.Code, st.Reason)
	}
	return &syncer.SourceError{
		Reason:     reasonOf(int(st.Code), st.Reason),
		RetryAfter: min(wait, maxRetryAfter),
		Err:        fmt.Errorf("%s: %s", what, clip(text)),
	}
}

// retryAfter reads the header: seconds or a date.
func retryAfter(header string) time.Duration {
	if n, err := strconv.Atoi(header); err == nil {
		return time.Duration(min(max(n, 0), int(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// broken is the error for a connection that failed. When ctx has ended that is
// the error, unless it was ended because the server fell silent.
func broken(ctx context.Context, what string, err error) error {
	if errors.Is(context.Cause(ctx), errSilent) {
		err = errSilent
	} else if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err // without the address, which may carry user info
	}
	return &syncer.SourceError{Reason: syncer.ReasonUnavailable, Err: fmt.Errorf("%s: %w", what, err)}
}

// misread is the error for a scan that failed: the connection's when the reader
// failed or the bytes ended too early, else an invalid answer.
func misread(ctx context.Context, what string, err error) error {
	se, ok := errors.AsType[*ScanError](err)
	if !ok {
		return err
	}
	if se.Err != nil {
		return broken(ctx, what, err)
	}
	return &syncer.SourceError{Reason: syncer.ReasonInvalid, Err: fmt.Errorf("%s: %w", what, err)}
}

// clip makes a server's text fit for a line of a log.
func clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	const most = 500
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
