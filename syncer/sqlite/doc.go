// Package sqlite keeps a mirror in one SQLite file: no server, and readable with
// the sqlite3 shell while it is written.
//
// Each resource has a table of its name, which clusters share:
//
//	SELECT namespace, name, json ->> '$.spec.nodeName' FROM pods
//	 WHERE cluster = 'prod' AND namespace = 'shop';
//	SELECT name FROM "deployments.apps", json_each(labels) l WHERE l.value = 'app=web';
//
// The columns are cluster, key ("namespace/name"), namespace and name (both made
// from key), uid, rv (the resource version), labels (a JSON array of
// "name=value") and json (the object, byte for byte as it came). Tables that
// begin with _sidemirror_ hold checkpoints, a pause, past runs and what else the
// store needs.
//
// The file is in WAL mode with synchronous=NORMAL: after a crash of the machine
// the last transactions may be missing, and a checkpoint is never ahead of the
// rows that it speaks of. One connection writes, a few read, and no read stays
// open for longer than one page of rows, so the WAL file stays small.
//
// Reading order: store.go (options, connections), conn.go, schema.go,
// resource.go, labels.go, write.go, select.go, read.go, checkpoint.go, history.go,
// errors.go.
package sqlite
