// Package mongotest is a MongoDB for tests: a server of the wire protocol with
// its storage in memory, and with exactly the commands, operators and fields that
// package mongo sends. What it doesn't know is an error, never a silent yes.
//
// It answers as a standalone server of version 7.0: no sessions, no transactions,
// no retryable writes. It keeps documents whose _id is a string, and holds to
// 16 MiB a document, 48 MB a message, 100,000 writes a command, and to the rules
// for keys with dots and dollars of MongoDB 5.0 and later.
//
// Reading order: server.go (connections), fault.go (what goes wrong), command.go
// (who does what), write.go, read.go, query.go (filters), project.go, store.go.
package mongotest
