package api

import (
	"encoding/json"
	"strconv"
	"strings"
)

// EnvelopeType says what an [Envelope] asks of its reader.
type EnvelopeType string

// The types of envelopes. A reader ignores a type that it doesn't know.
const (
	EnvelopeSnapshot EnvelopeType = "snapshot" // replaces everything; it may come at any time
	EnvelopeChange   EnvelopeType = "change"   // applies to the document of revision Since
	EnvelopeReset    EnvelopeType = "reset"    // what the reader holds can't be continued; a snapshot follows
	EnvelopeEnd      EnvelopeType = "end"      // what ?until= named is reached; nothing follows
)

// Envelope is one message of a stream, the data of a Server-Sent Event or a
// WebSocket message:
//
//	{"type":"snapshot","revision":12,"status":{…the whole status document…}}
//	{"type":"change","revision":13,"since":12,"status":{…members that changed…},
//	 "resources":[…whole entries that changed or are new…],"removed":[{"name":"pods"}]}
//	{"type":"reset","revision":13,"reason":"the server has started anew since"}
//	{"type":"end","revision":13,"reason":"completed"}
//
// To apply a change: replace the members that Status has, drop the entries of
// resourceStatus that Removed names, replace those that Resources has, and append
// the ones that are new. That yields exactly the document of Revision;
// [Document] does it. A reader that was slow gets one change that leaps.
type Envelope struct {
	Type     EnvelopeType `json:"type"`
	Revision uint64       `json:"revision"`
	// Since is the revision that a change applies to.
	Since uint64 `json:"since,omitempty"`
	// Status is the document (snapshot), or its members that changed, without
	// resourceStatus (change).
	Status    json.RawMessage   `json:"status,omitempty"`
	Resources []json.RawMessage `json:"resources,omitempty"`
	Removed   []ResourceKey     `json:"removed,omitempty"`
	// Reason is a sentence (reset), or what was reached (end).
	Reason string `json:"reason,omitempty"`
}

// ResourceKey tells the entries of resourceStatus apart.
type ResourceKey struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

// position is what a reader of a stream holds. Revisions begin anew with each
// process, so the tag of the process belongs to it.
type position struct {
	revision uint64
	tag      string
	ended    bool // the reader has seen the stream's end
}

// endMark follows the tag in the id of the last event.
const endMark = "-end"

// String is the event's id: "13-k2v9q0x1w3ef".
func (p position) String() string {
	id := strconv.FormatUint(p.revision, 10) + "-" + p.tag
	if p.ended {
		id += endMark
	}
	return id
}

// parsePosition undoes String.
func parsePosition(id string) (position, bool) {
	id, ended := strings.CutSuffix(id, endMark)
	number, tag, ok := strings.Cut(id, "-")
	revision, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil || tag == "" {
		return position{}, false
	}
	return position{revision: revision, tag: tag, ended: ended}, true
}
