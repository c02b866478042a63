package main

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// nameLetters are those that Kubernetes makes its own suffixes from: no vowels,
// so no words.
const nameLetters = "bcdfghjklmnpqrstvwxz2456789"

// epoch is when everything that is filled in began. It is fixed so that a seed
// always gives the same objects.
var epoch = time.Date(2026, 1, 7, 10, 30, 0, 0, time.UTC)

// source is where generated objects get their variety from. The same seed and
// stream give the same values, whichever worker asks; it is for one goroutine.
type source struct{ *rand.Rand }

func newSource(seed, stream uint64) *source {
	return &source{rand.New(rand.NewPCG(seed, stream))}
}

func (s *source) uid() types.UID {
	b := s.bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return types.UID(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
}

func (s *source) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.Uint32())
	}
	return b
}

// hex returns n hexadecimal digits; n is even.
func (s *source) hex(n int) string { return hex.EncodeToString(s.bytes(n / 2)) }

// suffix returns n letters as Kubernetes appends them to generated names.
func (s *source) suffix(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = nameLetters[s.IntN(len(nameLetters))]
	}
	return string(b)
}

// podIP returns an address of the range that Pods have here.
func (s *source) podIP() string {
	return fmt.Sprintf("10.%d.%d.%d", 100+s.IntN(100), 100+s.IntN(100), 100+s.IntN(100))
}

func (s *source) pick(from []string) string { return from[s.IntN(len(from))] }

// since returns a moment between one time and the given duration after it.
func (s *source) since(t time.Time, within time.Duration) metav1.Time {
	return metav1.NewTime(t.Add(time.Duration(s.Int64N(int64(within)))).Truncate(time.Second))
}
