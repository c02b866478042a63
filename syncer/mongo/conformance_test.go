package mongo_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"testing"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/mongo"
	"github.com/sidemirror/sidemirror/syncer/mongo/mongotest"
	"github.com/sidemirror/sidemirror/syncer/storetest"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func TestConformance(t *testing.T) {
	for _, keys := range modes {
		t.Run(keys.String(), func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) syncer.Store {
				server := mongotest.Start(t)
				if keys == mongo.KeysEscaped {
					server.RefuseKeys()
				}
				return open(t, mongo.Options{URI: server.URI(), Keys: keys})
			})
		})
	}
}

// TestConformanceOfServer runs the suite against the server that the variable
// names, in databases that it makes and drops.
func TestConformanceOfServer(t *testing.T) {
	uri := os.Getenv("SIDEMIRROR_TEST_MONGODB_URI")
	if uri == "" {
		t.Skip("SIDEMIRROR_TEST_MONGODB_URI isn't set")
	}
	storetest.Run(t, func(t *testing.T) syncer.Store {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal("SIDEMIRROR_TEST_MONGODB_URI is not a URI")
		}
		name := fmt.Sprintf("sidemirror_test_%016x", rand.Uint64())
		if u.Query().Get("authSource") == "" && u.User != nil {
			q := u.Query()
			q.Set("authSource", authDatabase(u.Path, "admin"))
			u.RawQuery = q.Encode()
		}
		u.Path = "/" + name
		t.Cleanup(func() {
			client, err := driver.Connect(options.Client().ApplyURI(u.String()))
			if err != nil {
				t.Fatal(err)
			}
			if err := client.Database(name).Drop(context.Background()); err != nil {
				t.Errorf("drop database %s: %v", name, err)
			}
			if err := client.Disconnect(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return open(t, mongo.Options{URI: u.String()})
	})
}

// authDatabase is the database of a path, or fallback for none.
func authDatabase(path, fallback string) string {
	if len(path) > 1 {
		return path[1:]
	}
	return fallback
}

// open returns a store of the cluster "test", unless o says another.
func open(t testing.TB, o mongo.Options) *mongo.Store {
	t.Helper()
	if o.Cluster == "" {
		o.Cluster = "test"
	}
	s, err := mongo.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}
