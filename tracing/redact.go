package tracing

import (
	"regexp"
	"strings"
)

const maxTextBytes = 512

// credentials are user info of URIs and values of what is called a password.
var credentials = []*regexp.Regexp{
	regexp.MustCompile(`(://)[^\s"'<>]*@`),
	regexp.MustCompile(`()[\w.%+-]+:[^\s@/"']+@`),
	regexp.MustCompile(`(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{8,}`),
	regexp.MustCompile(`(?i)((?:password|passwd|pwd|secret|token|api[_-]?key)["']?\s*[=:]\s*)[^\s,;&)]+`),
}

// redact makes an error's text fit to leave the process.
func redact(text string) string {
	for _, re := range credentials {
		text = re.ReplaceAllString(text, "${1}***")
	}
	if len(text) > maxTextBytes {
		text = text[:maxTextBytes] + "..."
	}
	return strings.ToValidUTF8(text, "?") // which OTLP requires
}
