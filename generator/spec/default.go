package spec

import (
	"cmp"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/backube/scribe-gen/steps/contract"
)

// Defaults of durations and counts.
const (
	DefaultTimeout    = "6h"
	DefaultBackoff    = "20s"
	DefaultMaxBackoff = "5m"
	DefaultRetryLimit = 4
	DefaultRetainLast = 3
	DefaultMaxDelete  = "50%"
	DefaultTimeZone   = "Etc/UTC"
	DefaultCAKey      = "ca.crt"
	DefaultIndexSize  = "1Gi"
)

// Default sets everything that the user left out and that has a default which
// does not depend on the cluster. It is the only place that does so. Setting
// defaults twice changes nothing.
func Default(r *Replication) {
	s := &r.Spec
	for name, site := range s.Sites {
		site.Engine = cmp.Or(site.Engine, EngineArgo)
		s.Sites[name] = site
	}
	s.Source.CopyMethod = cmp.Or(s.Source.CopyMethod, CopyAuto)
	for i := range s.Destinations {
		defaultDestination(&s.Destinations[i], s.Source)
	}
	if s.Rsync != nil {
		s.Rsync.Compress = cmp.Or(s.Rsync.Compress, CompressAuto)
		s.Rsync.Service.Type = cmp.Or(s.Rsync.Service.Type, corev1.ServiceTypeClusterIP)
		s.Rsync.Service.Port = cmp.Or(s.Rsync.Service.Port, contract.DefaultListenPort)
	}
	if s.Rclone != nil {
		defaultRclone(s.Rclone)
	}
	if index := s.Source.Index; index != nil {
		index.Capacity = cmp.Or(index.Capacity, DefaultIndexSize)
		index.StorageClassName = cmp.Or(index.StorageClassName, s.Source.StorageClassName)
	}
	s.Guard.MaxDelete = cmp.Or(s.Guard.MaxDelete, DefaultMaxDelete)
	if s.Schedule != nil {
		s.Schedule.TimeZone = cmp.Or(s.Schedule.TimeZone, DefaultTimeZone)
	}
	defaultRetry(&s.Retry)
	s.Timeout = cmp.Or(s.Timeout, DefaultTimeout)
	s.Mover.Privileges = cmp.Or(s.Mover.Privileges, PrivilegesOwner)
}

func defaultRclone(r *Rclone) {
	r.Trigger = cmp.Or(r.Trigger, TriggerSchedule)
	if r.Retain == (Retain{}) {
		r.Retain.Last = DefaultRetainLast
	}
	if r.CustomCA != nil {
		r.CustomCA.Key = cmp.Or(r.CustomCA.Key, DefaultCAKey)
	}
}

func defaultDestination(d *Destination, source Source) {
	d.Capacity = cmp.Or(d.Capacity, source.Capacity)
	if len(d.AccessModes) == 0 {
		d.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	}
	d.CopyMethod = cmp.Or(d.CopyMethod, CopySnapshot)
	if d.CopyMethod != CopyDirect && d.Retain == (Retain{}) {
		d.Retain.Last = DefaultRetainLast
	}
}

// defaultRetry keeps the default of the longest wait above a first wait that the
// user chose: giving only the first one must not be an error.
func defaultRetry(r *Retry) {
	if r.Limit == nil {
		limit := DefaultRetryLimit
		r.Limit = &limit
	}
	r.Backoff = cmp.Or(r.Backoff, DefaultBackoff)
	if r.MaxBackoff != "" {
		return
	}
	r.MaxBackoff = DefaultMaxBackoff
	longest, _ := time.ParseDuration(DefaultMaxBackoff)
	if first, err := time.ParseDuration(r.Backoff); err == nil && first > longest {
		r.MaxBackoff = r.Backoff
	}
}
