package catalog

// entry is what is said of a block by hand.
type entry struct {
	// name is the block's: program and verb of its step.
	name           string
	title, summary string
	keywords       []string
	// required parameters have no default; defaults are those of the others that are
	// not the step's own.
	required []string
	defaults map[string]string
	// notes complete the description of a parameter.
	notes   map[string]string
	example []Value
}

// examplePoint is the recovery point in samples that do not copy anything before.
const examplePoint = "2026-01-02T03:04:05Z"

const (
	notePlain   = "needed unless remote-path is given"
	noteResume  = "needed unless resume is true"
	noteFilters = "such as /etc/scribe/filters/filters with a ConfigMap as parameter filters"
	noteMethod  = "the result of snapshot-create"
	noteCA      = "such as /etc/scribe/ca/ca.crt with a Secret as parameter ca-secret"
	noteRemote  = "for this replication alone"
)

// entries are the blocks, in the order of their use.
var entries = []entry{
	{
		name: "snapshot-create", title: "Scribe: copy a volume at one instant",
		summary:  "Makes a point-in-time copy of a PersistentVolumeClaim",
		keywords: []string{"snapshot", "clone", "persistentvolumeclaim", "backup"},
		required: []string{"relationship", "claim"},
		defaults: map[string]string{"method": "Auto"},
		example:  []Value{{"replication", sampleReplication}, {"relationship", sampleRelationship}, {"claim", sampleSource}},
	},
	{
		name: "snapshot-cleanup", title: "Scribe: remove temporary copies",
		summary:  "Removes the temporary point-in-time copies of a relationship",
		keywords: []string{"snapshot", "cleanup", "persistentvolumeclaim"},
		required: []string{"relationship"},
		example:  []Value{{"replication", sampleReplication}, {"relationship", sampleRelationship}},
	},
	{
		name: "snapshot-prune", title: "Scribe: apply retention to snapshots",
		summary:  "Removes the replica snapshots that no retention rule keeps",
		keywords: []string{"snapshot", "retention", "prune"},
		required: []string{"relationship", "claim"},
		example:  []Value{{"relationship", sampleRelationship}, {"claim", sampleReplica}, {"last", "1"}},
	},
	{
		name: "rsync-keys", title: "Scribe: make SSH keys for rsync",
		summary:  "Makes the SSH keys with which a source sends to a listener",
		keywords: []string{"rsync", "ssh", "keys"},
		required: []string{"relationship"},
		example: []Value{{"replication", sampleReplication}, {"relationship", sampleRelationship},
			{"address", sampleRelationship}},
	},
	{
		name: "rsync-listen", title: "Scribe: receive a volume with rsync",
		summary:  "Receives a volume over SSH into a claim and cuts a snapshot of it",
		keywords: []string{"rsync", "ssh", "replication", "disaster-recovery"},
		required: []string{"relationship", "claim", paramKeys},
		defaults: map[string]string{"copy-method": "Snapshot"},
		notes:    map[string]string{paramKeys: "scribe-<relationship>-listener of rsync-keys"},
		example: []Value{{"replication", sampleReplication}, {"relationship", sampleRelationship},
			{"claim", sampleReplica}, {paramKeys, "scribe-" + sampleRelationship + "-listener"}, {"window", "10m"}},
	},
	{
		name: "rsync-push", title: "Scribe: send a volume with rsync",
		summary:  "Sends a volume over SSH to a listener, or to any SSH server with rsync",
		keywords: []string{"rsync", "ssh", "replication", "migration"},
		required: []string{paramSourceClaim, paramKeys},
		defaults: map[string]string{"max-delete": "50%"},
		notes: map[string]string{
			"relationship": notePlain, "recovery-point": notePlain, "method": noteMethod, "filter-file": noteFilters,
			paramKeys: "scribe-<relationship>-push of rsync-keys, or one with client.key, host.pub, address and port",
		},
		example: []Value{{"replication", sampleReplication}, {"relationship", sampleRelationship},
			{paramSourceClaim, sampleSource}, {paramKeys, "scribe-" + sampleRelationship + "-push"},
			{"recovery-point", examplePoint}, {"method", "Direct"}},
	},
	{
		name: "rsync-copy", title: "Scribe: copy a volume to another claim",
		summary:  "Makes one claim equal to another of the same namespace and cuts a snapshot of it",
		keywords: []string{"rsync", "copy", "migration", "storageclass"},
		required: []string{"relationship", "claim", paramSourceClaim, "recovery-point"},
		defaults: map[string]string{"max-delete": "50%", "copy-method": "Snapshot"},
		notes:    map[string]string{"method": noteMethod, "filter-file": noteFilters},
		example: []Value{{"replication", sampleReplication}, {"relationship", sampleRelationship},
			{paramSourceClaim, sampleSource}, {"claim", sampleReplica}, {"recovery-point", examplePoint}, {"method", "Direct"}},
	},
	{
		name: "rclone-push", title: "Scribe: publish a volume in an object store",
		summary:  "Publishes a volume in an object store, from where any number of sites pull it",
		keywords: []string{"rclone", "s3", "object-storage", "replication"},
		required: []string{"replication", "relationship", paramSourceClaim, "recovery-point", "remote", paramConfig},
		defaults: map[string]string{"max-delete": "50%", "last": "3"},
		notes: map[string]string{
			"relationship": "of the push: <replication>-<source site>", "remote": noteRemote, "method": noteMethod,
			"filter-file": noteFilters, "ca": noteCA,
		},
		example: []Value{{"replication", sampleReplication}, {"relationship", samplePublisher},
			{paramSourceClaim, sampleSource}, {paramConfig, sampleConfig}, {"remote", sampleRemote},
			{"recovery-point", examplePoint}, {"method", "Direct"}},
	},
	{
		name: "rclone-pull", title: "Scribe: pull a volume from an object store",
		summary:  "Makes a claim equal to what rclone-push published and cuts a snapshot of it",
		keywords: []string{"rclone", "s3", "object-storage", "disaster-recovery"},
		required: []string{"relationship", "claim", "remote", paramConfig},
		defaults: map[string]string{"max-delete": "50%", "copy-method": "Snapshot"},
		notes: map[string]string{
			"replication": "empty to pull whatever is there", "filter-file": noteFilters, "ca": noteCA,
			"allow-empty-source": "and end well while nothing is published yet",
		},
		example: []Value{{"replication", sampleReplication}, {"relationship", sampleRelationship},
			{"claim", sampleReplica}, {paramConfig, sampleConfig}, {"remote", sampleRemote}},
	},
	{
		name: "promote", title: "Scribe: fail over to a replica",
		summary:  "Makes a claim for an application from a replica snapshot and refuses further pushes",
		keywords: []string{"failover", "restore", "disaster-recovery"},
		required: []string{"relationship"},
		defaults: map[string]string{"at": "latest"},
		notes:    map[string]string{"replica": noteResume, "claim": noteResume},
		example: []Value{{"replication", sampleReplication}, {"relationship", sampleRelationship},
			{"replica", sampleReplica}, {"claim", "demo-promoted"}},
	},
}
