package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
)

// maxCommandBytes bounds the body of a command, which names resources and
// namespaces.
const maxCommandBytes = 64 << 10

// Controller carries out commands; [syncer.Engine] is one.
type Controller interface {
	Do(ctx context.Context, cmd syncer.Command) (syncer.Operation, error)
}

// commandBody is what a client may send with an action; all of it may be left out.
type commandBody struct {
	Reason     string   `json:"reason"`
	Resources  []string `json:"resources"`
	Namespaces []string `json:"namespaces"`
}

// control registers POST /api/v1/sync/{action} for each action.
func (a *handler) control() {
	for _, action := range syncer.Actions {
		path := "/api/v1/sync/" + string(action)
		a.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				w.Header().Set("Allow", http.MethodPost)
				newProblem(http.StatusMethodNotAllowed, "this route is asked for with POST").write(w)
				return
			}
			if r, ok := a.authorizeControl(w, r, path); ok {
				a.command(w, r, action)
			}
		})
	}
}

// command answers 202 once the command is accepted: what comes of it is in the status.
func (a *handler) command(w http.ResponseWriter, r *http.Request, action syncer.Action) {
	if _, ok := readQuery(w, r); !ok {
		return
	}
	body, refused := readCommand(r)
	if refused != nil {
		refused.write(w)
		return
	}
	op, err := a.Control.Do(r.Context(), syncer.Command{
		Action: action, By: userOf(r), Reason: body.Reason, Resources: body.Resources, Namespaces: body.Namespaces,
		Cause: context.WithoutCancel(r.Context()),
	})
	show(w, a.headers.view()) // the command has made the one before old
	if err != nil {
		a.commandProblem(action, err).write(w)
		return
	}
	w.Header()["Content-Type"] = jsonType
	w.Header().Set("Location", "/api/v1/sync/status")
	writeJSON(w, http.StatusAccepted, op)
}

// readCommand reads a body strictly: a member that isn't known may be one that
// was meant to limit what happens.
func readCommand(r *http.Request) (commandBody, *problem) {
	var body commandBody
	refuse := func(status int, detail string) (commandBody, *problem) {
		p := newProblem(status, detail)
		return commandBody{}, &p
	}
	if r.Body == nil || r.Body == http.NoBody {
		return body, nil
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxCommandBytes+1))
	switch {
	case err != nil:
		return refuse(http.StatusBadRequest, "the request's body can't be read")
	case len(text) > maxCommandBytes:
		return refuse(http.StatusRequestEntityTooLarge, "the request's body is larger than 64 KiB")
	case len(strings.TrimSpace(string(text))) == 0:
		return body, nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, "the body has to be application/json: send that as Content-Type")
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		return refuse(http.StatusBadRequest, "the body isn't {reason, resources, namespaces}: "+truncate(Sanitize(err.Error()), 200))
	}
	if decoder.More() {
		return refuse(http.StatusBadRequest, "the body has more than one JSON value")
	}
	return body, nil
}

// commandProblem says why a command isn't carried out, and what is possible instead.
func (a *handler) commandProblem(action syncer.Action, err error) problem {
	if refused, ok := errors.AsType[*syncer.NotAllowedError](err); ok {
		p := newProblem(http.StatusConflict, refused.Error())
		allowed := append([]syncer.Action{}, refused.Allowed...)
		p.AllowedActions = &allowed
		return p
	}
	if invalid, ok := errors.AsType[*syncer.InvalidCommandError](err); ok {
		return newProblem(http.StatusBadRequest, Redact(invalid.Error()))
	}
	if _, ok := errors.AsType[*syncer.StoreError](err); ok {
		a.Log.Warn("command not stored", "action", action, "error", err)
		p := newProblem(http.StatusServiceUnavailable, "the store doesn't answer, so that nothing was changed; the log says why")
		p.RetryAfterSeconds = 5
		return p
	}
	a.Log.Warn("command not carried out", "action", action, "error", err)
	return newProblem(http.StatusServiceUnavailable, "the command could not be carried out; the log says why")
}
