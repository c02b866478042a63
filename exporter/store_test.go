package exporter_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sidemirror/sidemirror/exporter"
	"github.com/sidemirror/sidemirror/syncer"
)

var errAway = errors.New("the store is away")

// away is a store whose every call fails.
type away struct{}

func (away) Prepare(context.Context, syncer.Resource) error             { return errAway }
func (away) FinishFill(context.Context, syncer.Resource) error          { return errAway }
func (away) Resources(context.Context) ([]string, error)                { return nil, errAway }
func (away) Drop(context.Context, string) error                         { return errAway }
func (away) Count(context.Context, syncer.Cell) (int64, error)          { return 0, errAway }
func (away) Checkpoints(context.Context) ([]syncer.Checkpoint, error)   { return nil, errAway }
func (away) SaveCheckpoints(context.Context, []syncer.Checkpoint) error { return errAway }
func (away) DeleteCheckpoints(context.Context, []string) error          { return errAway }
func (away) NextEpoch(context.Context) (int64, error)                   { return 0, errAway }
func (away) Control(context.Context) (syncer.Control, error)            { return syncer.Control{}, errAway }
func (away) SaveControl(context.Context, syncer.Control) error          { return errAway }
func (away) SaveRun(context.Context, syncer.Run) error                  { return errAway }
func (away) Runs(context.Context, string, int) ([]syncer.Run, error)    { return nil, errAway }
func (away) Close(context.Context) error                                { return errAway }
func (away) Write(context.Context, syncer.Resource, []syncer.Op) (syncer.WriteResult, error) {
	return syncer.WriteResult{}, errAway
}
func (away) Versions(context.Context, syncer.Resource, string, string, int, []syncer.Version) ([]syncer.Version, error) {
	return nil, errAway
}
func (away) Read(context.Context, syncer.Resource, syncer.Query, func(*syncer.Object) error) error {
	return errAway
}

// rows is a store with one row to read.
type rows struct{ away }

func (rows) Read(_ context.Context, _ syncer.Resource, _ syncer.Query, yield func(*syncer.Object) error) error {
	return yield(&syncer.Object{})
}

// calls are how often each operation ended in each way, "operation outcome".
func calls(t *testing.T, store *exporter.TimedStore) map[string]uint64 {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(store)
	out := map[string]uint64{}
	for _, m := range gather(t, reg)["store_operation_duration_seconds"].GetMetric() {
		var key []string
		for _, l := range m.GetLabel() {
			key = append(key, l.GetValue())
		}
		out[strings.Join(key, " ")] = m.GetHistogram().GetSampleCount()
	}
	return out
}

func TestEveryCallOfTheStoreIsTimedUnderItsName(t *testing.T) {
	store := exporter.NewTimedStore(away{})
	for key, n := range calls(t, store) {
		if n != 0 {
			t.Errorf("%s = %d before the first call", key, n)
		}
	}
	contract := reflect.TypeFor[syncer.Store]()
	for i := range contract.NumMethod() {
		method := contract.Method(i)
		if method.Name == "Close" {
			continue
		}
		args := []reflect.Value{reflect.ValueOf(t.Context())}
		for j := 1; j < method.Type.NumIn(); j++ {
			args = append(args, reflect.Zero(method.Type.In(j)))
		}
		results := reflect.ValueOf(store).MethodByName(method.Name).Call(args)
		if err := results[len(results)-1].Interface(); err != errAway {
			t.Errorf("%s = %v, want what the store said", method.Name, err)
		}
		if got := calls(t, store)[snake(method.Name)+" failed"]; got != 1 {
			t.Errorf("%s failed was counted %d times, want 1", snake(method.Name), got)
		}
	}
}

// snake is save_run for SaveRun.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

func TestAReaderThatHasEnoughIsNoFailureOfTheStore(t *testing.T) {
	store := exporter.NewTimedStore(rows{})
	enough := errors.New("enough")
	read := func(answer error) error {
		return store.Read(t.Context(), syncer.Resource{}, syncer.Query{}, func(*syncer.Object) error { return answer })
	}
	if err := read(enough); err != enough {
		t.Errorf("error = %v, want the reader's own", err)
	}
	if err := read(nil); err != nil {
		t.Error(err)
	}
	got := calls(t, store)
	if got["read canceled"] != 1 || got["read completed"] != 1 || got["read failed"] != 0 {
		t.Errorf("reads: %d canceled, %d completed, %d failed; want 1, 1, 0",
			got["read canceled"], got["read completed"], got["read failed"])
	}
}
