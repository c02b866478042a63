package syncer

import "slices"

// moves lists every legal change of a resource's phase; the tracker refuses the rest.
var moves = map[Phase][]Phase{
	PhasePending:    {PhaseListing, PhaseCatchingUp, PhaseRetrying, PhasePaused},
	PhaseListing:    {PhaseSynced, PhaseRetrying, PhaseListing, PhaseCatchingUp, PhasePaused},
	PhaseCatchingUp: {PhaseSynced, PhaseRetrying, PhaseListing, PhasePaused},
	PhaseSynced:     {PhaseWatching, PhaseRetrying, PhaseListing, PhasePaused},
	PhaseWatching:   {PhaseListing, PhaseRetrying, PhasePaused},
	PhaseRetrying:   {PhaseListing, PhaseCatchingUp, PhaseWatching, PhaseSynced, PhaseRetrying, PhasePaused},
	PhasePaused:     {PhaseListing, PhaseCatchingUp, PhaseRetrying, PhasePaused},
}

// Allowed reports whether a resource may go from one phase to another.
func Allowed(from, to Phase) bool { return slices.Contains(moves[from], to) }

// move changes the phase if that is legal; an illegal change is the engine's
// mistake and leaves the phase as it was.
func (rs *ResourceStatus) move(to Phase) bool {
	if !Allowed(rs.Phase, to) {
		return false
	}
	rs.Phase = to
	return true
}
