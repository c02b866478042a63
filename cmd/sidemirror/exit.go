package main

import (
	"errors"
	"regexp"
)

// Exit codes, as the help of each command tells them.
const (
	exitError   = 1   // it went wrong, or the answer is no
	exitUsage   = 2   // an unknown command, flag or flag value
	exitTimeout = 124 // wait: not reached in time, as timeout(1) has it
)

// codedError is an error that asks for a certain exit code.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }

// Unwrap returns the error without its code.
func (e *codedError) Unwrap() error { return e.err }

// withCode gives err an exit code, unless it is nil.
func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &codedError{code: code, err: err}
}

// exitCode is the outermost code that err asks for.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if coded, ok := errors.AsType[*codedError](err); ok {
		return coded.code
	}
	return exitError
}

// userInfo matches what stands before the host in a URL. It is greedy up to the
// last @ of a word, because passwords with an unescaped @ or / are what parsers complain of.
var userInfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^\s"']*@`)

// withoutUserInfo hides the user and password of every URL in text.
func withoutUserInfo(text string) string {
	return userInfo.ReplaceAllString(text, "${1}***@")
}

// withoutCredentials returns err with the text that may be shown. The chain stays
// as it is for errors.Is.
func withoutCredentials(err error) error {
	if err == nil {
		return nil
	}
	text := withoutUserInfo(err.Error())
	if text == err.Error() {
		return err
	}
	return &shownError{text: text, err: err}
}

// shownError replaces an error's text and nothing else.
type shownError struct {
	text string
	err  error
}

func (e *shownError) Error() string { return e.text }

// Unwrap returns the error whose text isn't shown.
func (e *shownError) Unwrap() error { return e.err }
