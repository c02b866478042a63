package mongotest

import "time"

// Fault decides, for the nth command of its name since the server was made,
// counted from 0, what happens to it.
type Fault func(cmd string, n int) Action

// Action is what happens to one command. Whether it is applied and what the
// caller is told are independent. The zero Action is a server that works.
type Action struct {
	Delay  time.Duration // before anything else
	Apply  Apply
	Answer Answer
}

// Apply is how much of a command is done.
type Apply int

// ApplyHalf does the first half of a command's writes.
const (
	ApplyAll Apply = iota
	ApplyHalf
	ApplyNothing
)

// Answer is what the caller is told.
type Answer int

// AnswerTruth tells what was done, as far as it was; a write that wasn't applied
// is acknowledged as if it were. AnswerNothing drops the connection.
const (
	AnswerTruth Answer = iota
	AnswerNothing
	AnswerNotPrimary
	AnswerWriteConcernError
	AnswerUnauthorized
)
