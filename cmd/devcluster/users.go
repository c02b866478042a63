package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strings"
)

// user is somebody who may authenticate with a bearer token. What they may do
// is RBAC's business; a user without a binding may do next to nothing.
type user struct {
	name, token string
	groups      []string
}

// parseUsers reads the users of the --token flags and of a token file.
func parseUsers(flags []string, file string) ([]user, error) {
	var users []user
	for _, flag := range flags {
		u, err := parseUser(flag)
		if err != nil {
			return nil, err
		}
		users = append(users, u)
	}
	if file == "" {
		return users, nil
	}
	more, err := readTokenFile(file)
	return append(users, more...), err
}

// parseUser reads NAME:TOKEN[:GROUP,...]. Groups may contain colons
// (system:masters), the name and the token may not.
func parseUser(flag string) (user, error) {
	parts := strings.SplitN(flag, ":", 3)
	if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		return user{}, errors.New("--token: must be NAME:TOKEN[:GROUP,...]")
	}
	u := user{name: parts[0], token: parts[1]}
	if len(parts) == 3 && parts[2] != "" {
		u.groups = strings.Split(parts[2], ",")
	}
	return u, nil
}

// readTokenFile reads kube-apiserver's own format, token,name,uid[,"groups"].
func readTokenFile(path string) ([]user, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read --token-auth-file: %w", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	records, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read --token-auth-file %s: %w", path, err)
	}
	users := make([]user, 0, len(records))
	for i, record := range records {
		if len(record) < 3 {
			return nil, fmt.Errorf("read --token-auth-file %s: record %d has %d columns, needs token,name,uid", path, i+1, len(record))
		}
		u := user{token: record[0], name: record[1]}
		if len(record) > 3 && record[3] != "" {
			u.groups = strings.Split(record[3], ",")
		}
		users = append(users, u)
	}
	return users, nil
}

// writeTokenFile writes users in kube-apiserver's format.
func writeTokenFile(path string, users []user) error {
	var b strings.Builder
	w := csv.NewWriter(&b)
	for _, u := range users {
		w.Write([]string{u.token, u.name, u.name, strings.Join(u.groups, ",")})
	}
	w.Flush()
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write the token file: %w", err)
	}
	return nil
}
