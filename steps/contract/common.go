package contract

import "time"

// Common is what every step takes.
type Common struct {
	Replication     string `flag:"replication" usage:"name of the replication the step belongs to"`
	Relationship    string `flag:"relationship" usage:"name of the relationship: <replication>-<destination site>"`
	Run             string `flag:"run-id" usage:"run ID, the same for every attempt of a run (the engine's UID of the run)"`
	TerminationFile string `flag:"termination-file" usage:"file for the outcome, one JSON object (default /dev/termination-log where it exists)"`
}

// Site says where a step's volumes, snapshots, Secrets and state are.
type Site struct {
	Directory string `flag:"directory" usage:"directory of a site outside Kubernetes; absent, the cluster the pod runs in"`
	Namespace string `flag:"namespace" usage:"namespace of the site; default the pod's own"`
}

// Guard is when a mover must stop before it harms the replica.
type Guard struct {
	MaxDelete        string `flag:"max-delete" usage:"largest number of entries a run may delete from the replica, as a number or a percentage of its entries; empty for no limit"`
	AllowEmptySource bool   `flag:"allow-empty-source" usage:"replicate a source without any file"`
}

// Transfer is how a mover reads the source and drives rsync.
type Transfer struct {
	FilterFile     string `flag:"filter-file" usage:"file of rsync filter rules, one a line"`
	Method         string `flag:"method" usage:"how the source was copied; with Direct it is the live volume, and files that vanish while they are read are a warning"`
	BandwidthLimit string `flag:"bandwidth-limit" usage:"bytes per second, as a quantity such as 50Mi"`
	Compress       string `flag:"compress" usage:"Auto, Never or Always"`
	Streams        int    `flag:"streams" usage:"parallel SSH channels for the data; 0 chooses by the round-trip time"`
	Rsync          string `flag:"rsync" usage:"the rsync program (default: the first rsync on PATH)"`
	ProgressFile   string `flag:"progress-file" usage:"file for Argo's N/M progress (default $ARGO_PROGRESS_FILE)"`
	Index          string `flag:"index" usage:"directory that keeps the manifest of the last recovery point between runs, so that only what changed is looked at; empty for the full comparison"`
}

// ObjectStore is where generations are, and how rclone gets there.
type ObjectStore struct {
	Remote         string `flag:"remote" usage:"remote and path of the generations, such as s3:bucket/path"`
	Config         string `flag:"config" usage:"directory with rclone.conf and files named like rclone's environment variables, such as RCLONE_TRANSFERS, that hold their values"`
	CA             string `flag:"ca" usage:"file of certificates, PEM, that the object store's is checked with; default the system's"`
	BandwidthLimit string `flag:"bandwidth-limit" usage:"bytes per second, as a quantity such as 50Mi"`
	Transfers      int    `flag:"transfers" usage:"files that travel at the same time; 0 chooses"`
	FilterFile     string `flag:"filter-file" usage:"file of rsync filter rules, one a line"`
	ProgressFile   string `flag:"progress-file" usage:"file for Argo's N/M progress (default $ARGO_PROGRESS_FILE)"`
}

// Retain is how many to keep of what is made at every run; one that any rule keeps
// stays, and so does the latest.
type Retain struct {
	Last    int `flag:"last" usage:"how many to keep, newest first"`
	Hourly  int `flag:"hourly" usage:"hours to keep the newest of"`
	Daily   int `flag:"daily" usage:"days to keep the newest of"`
	Weekly  int `flag:"weekly" usage:"weeks to keep the newest of"`
	Monthly int `flag:"monthly" usage:"months to keep the newest of"`
}

// Replica is the volume a destination receives into and how its snapshot is cut.
type Replica struct {
	Claim           string        `flag:"claim" usage:"name of the replica's claim"`
	Root            string        `flag:"root" usage:"where the replica is mounted"`
	CopyMethod      string        `flag:"copy-method" usage:"Snapshot: cut a replica snapshot on commit; Direct: do not"`
	SnapshotClass   string        `flag:"snapshot-class" usage:"VolumeSnapshotClass of the replica snapshot; default the driver's"`
	SnapshotTimeout time.Duration `flag:"snapshot-timeout" usage:"longest wait for the replica snapshot to be cut (default 10m)"`
}

// MethodDirect is the copy method that copies nothing: a source is read live, a
// replica gets no snapshot.
const MethodDirect = "Direct"
