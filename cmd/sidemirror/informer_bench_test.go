package main_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/sidemirror/sidemirror/syncer/mongo/mongotest"
)

// bulkObjects is how many objects the informer's handler gathers for a write.
const bulkObjects = 500

// informerSync marshals to BSON, as the driver does for a bulk write, and throws
// each whole bulk away.
func informerSync(b *testing.B, config *rest.Config, pods int) {
	var bulk [][]byte
	informPods(b, config, pods, func(u *unstructured.Unstructured) error {
		doc, err := bson.Marshal(u.Object)
		if bulk = append(bulk, doc); len(bulk) == bulkObjects {
			bulk = bulk[:0]
		}
		return err
	})
}

// informerSyncIntoMongoDB replaces by _id, unordered, as most mirrors of this kind do.
func informerSyncIntoMongoDB(b *timed, config *rest.Config, pods int) {
	var uri string
	b.unmeasured(func() { uri = serveMongoDB(b.B) })
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Disconnect(context.Background())
	collection := client.Database("mirror").Collection("pods")
	var bulk []driver.WriteModel
	flush := func() error {
		_, err := collection.BulkWrite(context.Background(), bulk, options.BulkWrite().SetOrdered(false))
		clear(bulk)
		bulk = bulk[:0]
		return err
	}
	informPods(b.B, config, pods, func(u *unstructured.Unstructured) error {
		id := "bench/" + u.GetNamespace() + "/" + u.GetName()
		doc := bson.M{"_id": id}
		for k, v := range u.Object {
			doc[k] = v
		}
		bulk = append(bulk, driver.NewReplaceOneModel().SetFilter(bson.D{{Key: "_id", Value: id}}).SetReplacement(doc).SetUpsert(true))
		if len(bulk) < bulkObjects {
			return nil
		}
		return flush()
	})
	if len(bulk) > 0 {
		if err := flush(); err != nil {
			b.Fatal(err)
		}
	}
}

// informPods hands every Pod to store, from one goroutine, and returns once the
// informer has synced and ended.
func informPods(b *testing.B, config *rest.Config, pods int, store func(*unstructured.Unstructured) error) {
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	informer := factory.ForResource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Informer()
	stored := 0
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(o any) {
		if err := store(o.(*unstructured.Unstructured)); err != nil {
			b.Error(err)
		}
		stored++
	}})
	if err != nil {
		b.Fatal(err)
	}
	stop := make(chan struct{})
	factory.Start(stop)
	cache.WaitForCacheSync(stop, registration.HasSynced)
	close(stop)
	factory.Shutdown()
	if stored != pods {
		b.Fatalf("informer delivered %d objects, want %d", stored, pods)
	}
}

// mongoDBVariable makes a test binary serve MongoDB's double, until its stdin is closed.
const mongoDBVariable = "SIDEMIRROR_TEST_SERVES_MONGODB"

// serveMongoDB starts the double in a process of its own, so that its CPU time
// isn't taken for that of whoever writes to it, and returns its URI.
func serveMongoDB(b *testing.B) string {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestServesMongoDB$")
	cmd.Env = append(os.Environ(), mongoDBVariable+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	uri, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatalf("start MongoDB's double: %v", err)
	}
	return strings.TrimSpace(uri)
}

func TestServesMongoDB(t *testing.T) {
	if os.Getenv(mongoDBVariable) == "" {
		t.Skip("only a process for benchmarks")
	}
	fmt.Println(mongotest.Start(t).URI())
	_, _ = io.Copy(io.Discard, os.Stdin)
}
