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
	ConfidenceLow    Confidence = "low" // less than a tenth is done
	ConfidenceMedium Confidence = "medium"
	ConfidenceHigh   Confidence = "high" // half or more is done
)

// An ETA is told from here on: before, it would jump.
const (
	etaMinActive = 10 * time.Second
	etaMinRatio  = 0.02
	// etaWindow is the time constant over which the pace is smoothed.
	etaWindow = 20 * time.Second
)

// pace is the smoothed rate at which a run syncs objects, over its active time.
type pace struct {
	active  time.Duration // when it was last measured
	objects int64         // then
	rate    float64       // objects a second
}

// measure takes in how many objects are synced after being active for so long.
func (p *pace) measure(active time.Duration, objects int64) {
	dt := (active - p.active).Seconds()
	if dt < 0.5 {
		return
	}
	now := float64(max(0, objects-p.objects)) / dt
	weight := 1 - math.Exp(-dt/etaWindow.Seconds())
	if p.active == 0 {
		weight = 1
	}
	p.rate += weight * (now - p.rate)
	p.active, p.objects = active, objects
}

// eta is nil while nobody can tell, and once only the watches are waited for. It
// counts objects: the ratio may stand still at what a smaller total made of it.
func (p *pace) eta(progress *Progress, active time.Duration, now time.Time) *ETA {
	if progress.Objects.Total == nil || active < etaMinActive || p.rate <= 0 {
		return nil
	}
	left := *progress.Objects.Total - progress.Objects.Synced
	share := float64(progress.Objects.Synced) / float64(max(1, *progress.Objects.Total))
	wait := float64(left) / p.rate
	if left <= 0 || share < etaMinRatio || wait > float64(math.MaxInt32) {
		return nil
	}
	seconds := int64(math.Ceil(wait))
	return &ETA{Seconds: seconds, CompletesAt: now.Add(time.Duration(seconds) * time.Second), Confidence: confidence(share)}
}

func confidence(share float64) Confidence {
	switch {
	case share < 0.1:
		return ConfidenceLow
	case share < 0.5:
		return ConfidenceMedium
	default:
		return ConfidenceHigh
	}
}
