package kube_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/randfill"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube"
)

func digest(key, value string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(value))
	return hex.EncodeToString(mac.Sum(nil))
}

func filler(seed int64) *randfill.Filler {
	return randfill.NewWithSeed(seed).NilChance(0.3).NumElements(0, 3).MaxDepth(12).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewQuantity(c.Int63n(1000), resource.DecimalSI)
		},
		func(t *metav1.Time, c randfill.Continue) { *t = metav1.Unix(c.Int63n(2e9), 0) },
		func(t *metav1.MicroTime, c randfill.Continue) { t.Time = time.Unix(c.Int63n(2e9), 0) },
		func(v *intstr.IntOrString, c randfill.Continue) { *v = intstr.FromInt32(c.Int31()) },
		func(v *runtime.RawExtension, c randfill.Continue) { v.Raw = []byte(`{"a":[1,{"b":"<\u2028>"}]}`) },
		func(v *metav1.FieldsV1, c randfill.Continue) {
			v.SetRawBytes([]byte(`{"f:metadata":{"f:labels":{".":{}}}}`))
		},
	)
}

func TestScanListOnEveryBuiltInKind(t *testing.T) {
	tried := 0
	for gvk, typ := range scheme.Scheme.AllKnownTypes() {
		meta, ok := typ.FieldByName("ObjectMeta")
		if !ok || meta.Type != reflect.TypeFor[metav1.ObjectMeta]() {
			continue
		}
		tried++
		cell := syncer.Cell{Resource: syncer.Resource{Group: gvk.Group, Version: gvk.Version, Name: "things", Kind: gvk.Kind}}
		f := filler(int64(tried))
		var list bytes.Buffer
		list.WriteString(`{"metadata":{"resourceVersion":"5"},"items":[`)
		for i := range 4 {
			object := reflect.New(typ)
			f.Fill(object.Interface())
			m := object.Elem().FieldByName("ObjectMeta").Addr().Interface().(*metav1.ObjectMeta)
			m.Name, m.Namespace, m.ResourceVersion = fmt.Sprintf("o%d", i), "ns", fmt.Sprint(i+1)
			object.Elem().FieldByName("TypeMeta").SetZero()
			if i > 1 {
				m.Annotations = map[string]string{lastApplied: `{"a":"\n"}`}
			}
			if i > 2 {
				m.Annotations["other"] = "x"
			}
			m.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)}}
			data, err := json.Marshal(object.Interface())
			if err != nil {
				t.Fatalf("%s: %v", gvk, err)
			}
			if i > 0 {
				list.WriteByte(',')
			}
			list.Write(data)
		}
		list.WriteString(`]}`)
		checkList(t, list.Bytes(), cell)
	}
	if tried < 100 {
		t.Errorf("only %d kinds were tried", tried)
	}
}

// podList is a page of Pods as large as those of a real cluster.
func podList(n int) []byte {
	var list bytes.Buffer
	list.WriteString(`{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"5","continue":"x","remainingItemCount":3},"items":[`)
	for i := range n {
		if i > 0 {
			list.WriteByte(',')
		}
		fmt.Fprintf(&list, `{"metadata":{"name":"web-7d4b9c6f5d-%05d","generateName":"web-7d4b9c6f5d-","namespace":"shop","uid":"2f1c9c4e-6d1f-4d0a-9b61-%012d","resourceVersion":"%d","creationTimestamp":"2026-01-07T10:30:00Z","labels":{"app":"web","pod-template-hash":"7d4b9c6f5d"},"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-01-07T10:30:00Z"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-7d4b9c6f5d","uid":"e0d2","controller":true,"blockOwnerDeletion":true}],"managedFields":[`, i, i, i+1)
		for j := range 2 {
			if j > 0 {
				list.WriteByte(',')
			}
			list.WriteString(`{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-01-07T10:30:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:generateName":{},"f:labels":{".":{},"f:app":{},"f:pod-template-hash":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"e0d2\"}":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:ports":{".":{},"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:name":{},"f:protocol":{}}},"f:resources":{},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{}}},"f:dnsPolicy":{},"f:enableServiceLinks":{},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{},"f:terminationGracePeriodSeconds":{}}}}`)
		}
		list.WriteString(`]},"spec":{"volumes":[{"name":"kube-api-access-x","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}}],"defaultMode":420}}],"containers":[`)
		for j := range 3 {
			if j > 0 {
				list.WriteByte(',')
			}
			fmt.Fprintf(&list, `{"name":"c%d","image":"registry.example.com/shop/web:1.%d.0@sha256:8d2f6c2b1d6a4a0c9a2d6b0f2f6c2b1d6a4a0c9a2d6b0f2f6c2b1d6a4a0c9a2d","args":["--config=/etc/web/config.yaml","--log-level=info"],"ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],"env":[{"name":"DATABASE_URL","valueFrom":{"secretKeyRef":{"name":"db","key":"url"}}},{"name":"GREETING","value":"hello \"world\", this is a somewhat longer value of an environment variable"},{"name":"POD_NAME","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}}],"resources":{"limits":{"cpu":"500m","memory":"512Mi"},"requests":{"cpu":"100m","memory":"128Mi"}},"volumeMounts":[{"name":"kube-api-access-x","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}],"livenessProbe":{"httpGet":{"path":"/healthz","port":8080,"scheme":"HTTP"},"initialDelaySeconds":10,"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent"}`, j, i)
		}
		list.WriteString(`],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"default","serviceAccount":"default","nodeName":"node-17","securityContext":{},"schedulerName":"default-scheduler","tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],"priority":0,"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"},"status":{"phase":"Running","conditions":[{"type":"Initialized","status":"True","lastProbeTime":null,"lastTransitionTime":"2026-01-07T10:30:00Z"},{"type":"Ready","status":"True","lastProbeTime":null,"lastTransitionTime":"2026-01-07T10:30:00Z"}],"hostIP":"10.0.0.17","podIP":"10.1.2.3","podIPs":[{"ip":"10.1.2.3"}],"startTime":"2026-01-07T10:30:00Z","containerStatuses":[`)
		for j := range 3 {
			if j > 0 {
				list.WriteByte(',')
			}
			fmt.Fprintf(&list, `{"name":"c%d","state":{"running":{"startedAt":"2026-01-07T10:30:00Z"}},"lastState":{},"ready":true,"restartCount":0,"image":"registry.example.com/shop/web:1.2.0","imageID":"registry.example.com/shop/web@sha256:8d2f6c2b1d6a4a0c9a2d6b0f2f6c2b1d6a4a0c9a2d6b0f2f6c2b1d6a4a0c9a2d","containerID":"containerd://8d2f6c2b1d6a4a0c9a2d6b0f2f6c2b1d6a4a0c9a2d6b0f2f6c2b1d6a4a0c9a2d","started":true}`, j)
		}
		list.WriteString(`],"qosClass":"Burstable"}}`)
	}
	list.WriteString(`]}`)
	return list.Bytes()
}

func TestScanDoesNotAllocate(t *testing.T) {
	page := podList(100)
	p := kube.NewPageScanner(pods)
	r := bytes.NewReader(page)
	perPage := testing.AllocsPerRun(50, func() {
		r.Reset(page)
		if n, err := p.Scan(r); n != 100 || err != nil {
			t.Fatalf("got %d objects, %v", n, err)
		}
	})
	if perPage > 3 { // the continue token, and what the pool loses to the collector
		t.Errorf("got %v allocations for a page of 100 objects, want at most 3", perPage)
	}
}

func BenchmarkScanPod(b *testing.B) {
	const n = 200
	page := podList(n)
	p := kube.NewPageScanner(pods)
	r := bytes.NewReader(page)
	b.ReportAllocs()
	b.SetBytes(int64(len(page) / n))
	for i := 0; i < b.N; i += n {
		r.Reset(page)
		if _, err := p.Scan(r); err != nil {
			b.Fatal(err)
		}
	}
}
