package syncer

import (
	"math"
	"time"
)

// ETA is when the run will have synced everything, if it goes on as it does.
type ETA struct {
	Seconds     int64      `json:"seconds"`
	CompletesAt time.Time  `json:"completesAt"`
	Confidence  Confidence `json:"confidence"`
}

// Confidence is how far an ETA can be trusted.
type Confidence string

// The values of Confidence.
const (
	ConfidenceLow    Confidence = "low"    // totals are missing, or little is done
	ConfidenceMedium Confidence = "medium" // totals are estimates
	ConfidenceHigh   Confidence = "high"   // most is done, of a total that is known
)

// An ETA is told from here on: before, it would jump.
const (
	etaMinActive = 10 * time.Second
	etaMinRatio  = 0.02
	// etaWindow is the time constant over which the pace is smoothed.
	etaWindow = 20 * time.Second
)

// pace is the smoothed rate of a run's progress, over its active time.
type pace struct {
	active time.Duration // when it was last measured
	ratio  float64       // then
	rate   float64       // of the ratio, a second
}

// measure takes in how far the run is after being active for so long.
func (p *pace) measure(active time.Duration, ratio float64) {
	dt := (active - p.active).Seconds()
	if dt < 0.5 {
		return
	}
	now := max(0, ratio-p.ratio) / dt
	weight := 1 - math.Exp(-dt/etaWindow.Seconds())
	if p.active == 0 {
		weight = 1
	}
	p.rate += weight * (now - p.rate)
	p.active, p.ratio = active, ratio
}

// eta is nil while nobody can tell.
func (p *pace) eta(progress *Progress, active time.Duration, now time.Time) *ETA {
	if active < etaMinActive || progress.Ratio < etaMinRatio || p.rate <= 0 {
		return nil
	}
	left := max(0, 1-progress.Ratio) / p.rate
	if left > float64(math.MaxInt32) {
		return nil
	}
	seconds := int64(math.Ceil(left))
	return &ETA{Seconds: seconds, CompletesAt: now.Add(time.Duration(seconds) * time.Second), Confidence: confidence(progress)}
}

func confidence(p *Progress) Confidence {
	switch {
	case p.Basis != BasisObjects || p.Ratio < 0.1:
		return ConfidenceLow
	case p.Ratio >= 0.5:
		return ConfidenceHigh
	default:
		return ConfidenceMedium
	}
}
