package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/duration"
)

func deploymentCells(d *appsv1.Deployment, now time.Time) []string {
	names, images := containers(&d.Spec.Template)
	selector := "<invalid>"
	if s, err := metav1.LabelSelectorAsSelector(d.Spec.Selector); err == nil {
		selector = s.String()
	}
	return []string{
		d.Name, ofWanted(d.Status.ReadyReplicas, d.Spec.Replicas), number(d.Status.UpdatedReplicas), number(d.Status.AvailableReplicas),
		age(d.CreationTimestamp, now), names, images, selector,
	}
}

func statefulSetCells(s *appsv1.StatefulSet, now time.Time) []string {
	names, images := containers(&s.Spec.Template)
	return []string{s.Name, ofWanted(s.Status.ReadyReplicas, s.Spec.Replicas), age(s.CreationTimestamp, now), names, images}
}

func daemonSetCells(d *appsv1.DaemonSet, now time.Time) []string {
	names, images := containers(&d.Spec.Template)
	return []string{
		d.Name, number(d.Status.DesiredNumberScheduled), number(d.Status.CurrentNumberScheduled), number(d.Status.NumberReady),
		number(d.Status.UpdatedNumberScheduled), number(d.Status.NumberAvailable), labels.FormatLabels(d.Spec.Template.Spec.NodeSelector),
		age(d.CreationTimestamp, now), names, images, metav1.FormatLabelSelector(d.Spec.Selector),
	}
}

func number(n int32) string { return strconv.Itoa(int(n)) }

// ofWanted shows ready replicas; unset, one is wanted.
func ofWanted(ready int32, wanted *int32) string {
	if wanted == nil {
		wanted = new(int32(1))
	}
	return fmt.Sprintf("%d/%d", ready, *wanted)
}

func containers(t *corev1.PodTemplateSpec) (names, images string) {
	var n, i []string
	for _, c := range t.Spec.Containers {
		n, i = append(n, c.Name), append(i, c.Image)
	}
	return strings.Join(n, ","), strings.Join(i, ",")
}

func jobCells(j *batchv1.Job, now time.Time) []string {
	took := ""
	if start := j.Status.StartTime; start != nil {
		end := now
		if j.Status.CompletionTime != nil {
			end = j.Status.CompletionTime.Time
		}
		took = duration.HumanDuration(end.Sub(start.Time))
	}
	names, images := containers(&j.Spec.Template)
	return []string{
		j.Name, jobStatus(j), completions(j), took, age(j.CreationTimestamp, now),
		names, images, metav1.FormatLabelSelector(j.Spec.Selector),
	}
}

func jobStatus(j *batchv1.Job) string {
	is := map[batchv1.JobConditionType]bool{}
	for _, c := range j.Status.Conditions {
		is[c.Type] = c.Status == corev1.ConditionTrue
	}
	switch {
	case is[batchv1.JobComplete]:
		return "Complete"
	case is[batchv1.JobFailed]:
		return "Failed"
	case j.DeletionTimestamp != nil:
		return "Terminating"
	case is[batchv1.JobSuspended]:
		return "Suspended"
	case is[batchv1.JobFailureTarget]:
		return "FailureTarget"
	case is[batchv1.JobSuccessCriteriaMet]:
		return "SuccessCriteriaMet"
	default:
		return "Running"
	}
}

func completions(j *batchv1.Job) string {
	switch parallel := j.Spec.Parallelism; {
	case j.Spec.Completions != nil:
		return fmt.Sprintf("%d/%d", j.Status.Succeeded, *j.Spec.Completions)
	case parallel != nil && *parallel > 1:
		return fmt.Sprintf("%d/1 of %d", j.Status.Succeeded, *parallel)
	default:
		return fmt.Sprintf("%d/1", j.Status.Succeeded)
	}
}

func cronJobCells(c *batchv1.CronJob, now time.Time) []string {
	zone, suspended, last := "<none>", "<unset>", "<none>"
	if c.Spec.TimeZone != nil {
		zone = *c.Spec.TimeZone
	}
	if c.Spec.Suspend != nil {
		suspended = map[bool]string{true: "True", false: "False"}[*c.Spec.Suspend]
	}
	if c.Status.LastScheduleTime != nil {
		last = age(*c.Status.LastScheduleTime, now)
	}
	names, images := containers(&c.Spec.JobTemplate.Spec.Template)
	return []string{
		c.Name, c.Spec.Schedule, zone, suspended, strconv.Itoa(len(c.Status.Active)), last, age(c.CreationTimestamp, now),
		names, images, metav1.FormatLabelSelector(c.Spec.JobTemplate.Spec.Selector),
	}
}
