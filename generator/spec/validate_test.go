package spec_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/backube/scribe-gen/generator/spec"
)

// TestValidate changes one thing of the smallest valid spec, and expects exactly
// the problems that follow. An empty list is a valid spec.
func TestValidate(t *testing.T) {
	rsync := func(text string) []string { return []string{"rsync: {}", "rsync: " + text} }
	more := func(text string) []string { return []string{"rsync: {}", "rsync: {}\n  " + text} }
	mover := func(text string) []string { return more("mover: {" + text + "}") }
	site := func(text string) []string { return []string{"{namespace: wiki}", "{" + text + "}"} }
	source := func(text string) []string { return []string{"source: {", "source: {" + text + ", "} }
	destination := func(text string) []string { return []string{"{site: secondary,", "{site: secondary, " + text + ","} }
	replica := func(length int, more string) []string {
		return []string{"{site: secondary, persistentVolumeClaim: wikidata}",
			"{site: secondary, persistentVolumeClaim: " + strings.Repeat("c", length) + ", " + more + "}"}
	}
	none := []string{}
	for _, test := range []struct {
		name  string
		edits []string
		want  []string
	}{
		{"name of 30", []string{"name: wikidata", "name: " + strings.Repeat("a", 30), "secondary: {", "bak: {", "site: secondary", "site: bak"}, none},
		{"name of 31", []string{"name: wikidata", "name: " + strings.Repeat("a", 31)},
			[]string{`metadata.name: Invalid value: "` + strings.Repeat("a", 31) + `": has 31 characters, 1 too many: it begins the name of every object`}},
		{"long site", []string{"name: wikidata", "name: " + strings.Repeat("a", 30)},
			[]string{`spec.destinations[0].site: Invalid value: "secondary": makes the name scribe-` + strings.Repeat("a", 30) + `-secondary-promote of a pipeline, which has 55 characters, 3 too many: shorten the site's or the replication's name`}},
		{"no name", []string{"name: wikidata", "labels: {}"}, []string{"metadata.name: Required value"}},

		{"local site", site("engine: local, directory: /srv/wiki"), none},
		{"site with both", site("engine: local, directory: /srv/wiki, namespace: wiki"), none},
		{"directory alone", site("directory: /srv/wiki"),
			[]string{"spec.sites[primary].namespace: Required value: a site of engine argo is a namespace; for the directory of a host, set engine: local"}},
		{"directory with newline", site(`engine: local, directory: "/srv\nx"`),
			[]string{`spec.sites[primary].directory: Invalid value: "/srv\nx": must not contain control characters`}},
		{"namespace default", site("namespace: default"), none},
		{"address name", site("namespace: wiki, address: scribe.example.com"), none},
		{"address IPv6", site(`namespace: wiki, address: "2001:db8::1"`), none},
		{"address with port", site(`namespace: wiki, address: "example.com:22"`),
			[]string{`spec.sites[primary].address: Invalid value: "example.com:22": must be a host name or an IP address without port; write port 22 into spec.rsync.service.port`}},
		{"address upper case", site("namespace: wiki, address: Example.com"),
			[]string{`spec.sites[primary].address: Invalid value: "Example.com": must be a host name in lower case or an IP address`}},
		{"context of a cloud", site("namespace: wiki, context: 'arn:aws:eks:us-east-1:1:cluster/x'"), none},
		{"no sites", []string{"  sites:\n    primary: {namespace: wiki}\n    secondary: {namespace: wiki-dr}\n", ""},
			[]string{"spec.sites: Required value: name the source's and the destinations' sites"}},

		{"same site, other claim", []string{"secondary: {namespace: wiki-dr}", "other: {namespace: x}",
			"site: secondary, persistentVolumeClaim: wikidata", "site: primary, persistentVolumeClaim: replica}\n  - {site: other, persistentVolumeClaim: wikidata"}, none},
		{"the source itself", []string{"    secondary: {namespace: wiki-dr}\n", "", "site: secondary", "site: primary"},
			[]string{`spec.destinations[0].persistentVolumeClaim: Invalid value: "wikidata": is the source itself`}},
		{"the source by another name", []string{"{namespace: wiki}", "{namespace: wiki, context: a}", "{namespace: wiki-dr}", "{namespace: wiki, context: a}"},
			[]string{`spec.destinations[0].persistentVolumeClaim: Invalid value: "wikidata": is the source itself`}},
		{"same namespace of two clusters", []string{"{namespace: wiki-dr}", "{namespace: wiki}"}, none},
		{"same directory", []string{"{namespace: wiki}", "{engine: local, directory: /srv/a}", "{namespace: wiki-dr}", "{engine: local, directory: /srv/./a/}"},
			[]string{`spec.destinations[0].persistentVolumeClaim: Invalid value: "wikidata": is the source itself`}},
		{"no destination", []string{"  - {site: secondary, persistentVolumeClaim: wikidata}\n", "", "  destinations:", "  destinations: []", "    secondary: {namespace: wiki-dr}\n", ""},
			[]string{"spec.destinations: Required value: name at least one destination"}},
		{"empty destination", []string{"{site: secondary, persistentVolumeClaim: wikidata}", "{}"},
			[]string{`spec.sites[secondary]: Invalid value: "secondary": is neither the source's site nor a destination's`,
				"spec.destinations[0].site: Required value: the name of one of spec.sites",
				"spec.destinations[0].persistentVolumeClaim: Required value"}},

		{"claim is a path", []string{"site: primary, persistentVolumeClaim: wikidata", "site: primary, persistentVolumeClaim: ../x"},
			[]string{"spec.source.persistentVolumeClaim: Invalid value: \"../x\": a lowercase RFC 1123 subdomain"}},
		{"direct with class", source("copyMethod: Direct, storageClassName: fast"),
			[]string{"spec.source.storageClassName: Forbidden: copyMethod Direct reads the live volume and makes no copy"}},
		{"clone with snapshot class", source("copyMethod: Clone, volumeSnapshotClassName: fast"),
			[]string{"spec.source.volumeSnapshotClassName: Forbidden: copyMethod Clone makes no snapshot"}},
		{"destination clone", destination("copyMethod: Clone"),
			[]string{`spec.destinations[0].copyMethod: Unsupported value: "Clone": supported values: "Snapshot", "Direct"`}},
		{"direct retains", destination("copyMethod: Direct, retain: {last: 1}"),
			[]string{"spec.destinations[0].retain: Forbidden: copyMethod Direct makes no replica snapshots"}},
		{"replica of 244", replica(244, ""), none},
		{"replica of 245", replica(245, ""),
			[]string{`spec.destinations[0].persistentVolumeClaim: Invalid value: "` + strings.Repeat("c", 245) + `": has 245 characters, 1 too many: a promotion makes the claim of this name with -promoted at the end`}},
		{"replica of 253 without snapshots", replica(253, "copyMethod: Direct"), none},
		{"replica of 254", replica(254, ""),
			[]string{`spec.destinations[0].persistentVolumeClaim: Invalid value: "` + strings.Repeat("c", 254) + `": must be no more than 253 characters`}},
		{"access mode twice", destination("accessModes: [ReadWriteOnce, ReadWriteOnce]"),
			[]string{`spec.destinations[0].accessModes[1]: Duplicate value: "ReadWriteOnce"`}},
		{"ReadWriteOncePod with another", destination("accessModes: [ReadWriteOncePod, ReadWriteMany]"),
			[]string{`spec.destinations[0].accessModes: Invalid value: ["ReadWriteOncePod","ReadWriteMany"]: ReadWriteOncePod cannot be combined with other access modes`}},
		{"milli bytes", destination("capacity: 10m"),
			[]string{`spec.destinations[0].capacity: Invalid value: "10m": must be a whole number of bytes below 8Ei; the suffix m stands for thousandths, M or Mi for millions`}},
		{"capacity of zero", destination(`capacity: "0"`),
			[]string{`spec.destinations[0].capacity: Invalid value: "0": must be greater than zero`}},
		{"capacity 1.5Gi", destination("capacity: 1.5Gi"), none},
		{"endless exponent", destination(`capacity: "1e999999999"`),
			[]string{`spec.destinations[0].capacity: Invalid value: "1e999999999": must be a quantity of bytes such as 10Gi`}},
		{"endless exponent in resources", mover(`resources: {limits: {cpu: "1e999999999"}}`),
			[]string{`spec.mover.resources.limits[cpu]: must be a quantity such as 500m or 2Gi, is "1e999999999"`}},
		{"capacity too large", destination("capacity: 9e30"),
			[]string{"spec.destinations[0].capacity: must be a string, is the number 9e30; put it in quotes: \"9e30\""}},
		{"capacity too large, quoted", destination(`capacity: "9e30"`),
			[]string{`spec.destinations[0].capacity: Invalid value: "9e30": must be a whole number of bytes below 8Ei; the suffix m stands for thousandths, M or Mi for millions`}},

		{"both methods", more("rclone: {configSecret: a, remote: 'a:b'}"),
			[]string{"spec.rclone: Forbidden: exactly one of rsync and rclone may be given, and rsync is"}},
		{"rclone", []string{"rsync: {}", "rclone: {configSecret: A, remote: bucket, customCA: {secret: ca, key: a/b}}"},
			[]string{"spec.rclone.configSecret: Invalid value: \"A\": a lowercase RFC 1123 subdomain",
				`spec.rclone.remote: Invalid value: "bucket": must be a remote of rclone.conf and a path, such as s3:bucket/path`,
				"spec.rclone.customCA.key: Invalid value: \"a/b\": a valid config key"}},
		{"source ranges", rsync("{service: {type: LoadBalancer, loadBalancerSourceRanges: [192.0.2.0/24, 2001:db8::/32, 10.0.0.1]}}"),
			[]string{`spec.rsync.service.loadBalancerSourceRanges[2]: Invalid value: "10.0.0.1": must be a network such as 192.0.2.0/24 or 2001:db8::/32`}},
		{"service type", rsync("{service: {type: ExternalName}}"),
			[]string{`spec.rsync.service.type: Unsupported value: "ExternalName": supported values: "ClusterIP", "LoadBalancer", "NodePort"`}},
		{"bandwidth", rsync("{bandwidthLimit: 50Mi, compress: Always, streams: 64}"), none},
		{"bandwidth unit", rsync("{bandwidthLimit: 50MB/s}"),
			[]string{`spec.rsync.bandwidthLimit: Invalid value: "50MB/s": must be a quantity of bytes such as 10Gi`}},

		{"filter with a template", more(`filters: {exclude: ["{{x}}", "$(y)", "$[z]", "#a", " b"]}`), none},
		{"filter rule", more(`filters: {exclude: ["+ keep"]}`),
			[]string{`spec.filters.exclude[0]: Invalid value: "+ keep": must be a pattern alone, without a rule in front; all patterns exclude`}},
		{"long filter", more("filters: {exclude: [" + strings.Repeat("a", 4097) + "]}"),
			[]string{"spec.filters.exclude[0]: Invalid value: \"" + strings.Repeat("a", 4097) + "\": must have at most 4096 bytes"}},
		{"guard number", more(`guard: {maxDelete: "100"}`), none},
		{"guard 0%", more(`guard: {maxDelete: 0%}`), none},
		{"guard text", more(`guard: {maxDelete: half}`),
			[]string{`spec.guard.maxDelete: Invalid value: "half": must be a number of entries such as 1000, or a percentage such as 50%`}},
		{"timeout", more("timeout: 1d"), []string{`spec.timeout: Invalid value: "1d": must be a duration such as 20s, 90m or 6h`}},
		{"short timeout", more("timeout: 59s"), []string{`spec.timeout: Invalid value: "59s": must be at least 1m`}},
		{"endless timeout", more("timeout: 9000h"), []string{`spec.timeout: Invalid value: "9000h": must be at most 8784h`}},
		{"parts of seconds", more("retry: {backoff: 1500ms}"),
			[]string{`spec.retry.backoff: Invalid value: "1500ms": must be a whole number of seconds`}},
		{"retries", more("retry: {limit: -1}"), []string{"spec.retry.limit: Invalid value: -1: must be between 0 and 100"}},
		{"long backoff alone", more("retry: {backoff: 20m}"), none},
		{"no cron", more("schedule: {suspend: true}"), []string{"spec.schedule.cron: Required value: leave out the schedule to run on demand only"}},

		{"root, restricted", mover("privileges: Restricted, securityContext: {runAsNonRoot: false}"),
			[]string{"spec.mover.securityContext.runAsNonRoot: Forbidden: privileges Restricted do not allow root"}},
		{"user, owner", mover("securityContext: {runAsUser: 1000, fsGroup: -1}"),
			[]string{"spec.mover.securityContext.runAsUser: Forbidden: privileges Owner are those of root; for any other user set privileges: Restricted",
				"spec.mover.securityContext.fsGroup: Invalid value: -1: must not be negative"}},
		{"user, restricted", mover("privileges: Restricted, securityContext: {runAsUser: 1000, fsGroup: 1000}"), none},
		{"unconfined", mover("securityContext: {seccompProfile: {type: Unconfined}}"),
			[]string{"spec.mover.securityContext.seccompProfile.type: Forbidden: the Pod Security Standards do not allow Unconfined"}},
		{"tolerations", mover("tolerations: [{operator: Exists}, {key: a, value: b}, {operator: Equal}, {key: a, operator: Exists, value: x, tolerationSeconds: 5}]"),
			[]string{"spec.mover.tolerations[2].key: Required value: only operator Exists goes without one",
				"spec.mover.tolerations[3].value: Forbidden: operator Exists takes no value",
				"spec.mover.tolerations[3].tolerationSeconds: Forbidden: only effect NoExecute has a time"}},
		{"claims", mover("resources: {claims: [{name: gpu}]}"), []string{"spec.mover.resources.claims: Forbidden: movers have no resource claims"}},
		{"image", mover("image: 'a b'"), []string{`spec.mover.image: Invalid value: "a b": must be an image reference such as registry.example.com/scribe/steps:v1`}},
		{"own label", mover("annotations: {scribe.backube/keep: x}"), []string{"spec.mover.annotations[scribe.backube/keep]: Forbidden: the prefix scribe.backube/ is reserved"}},

		{"template in a label's key", []string{"name: wikidata", `name: wikidata
  annotations: {a: "x {{y}}", b: "$(z)", c: "$[run]", d: "{ {", e: "$ (", "f": "\u0000"}`},
			[]string{`metadata.annotations[a]: Invalid value: "x {{y}}": must not contain {{: Argo Workflows would replace it`,
				`metadata.annotations[b]: Invalid value: "$(z)": must not contain $(: Tekton and Kubernetes would replace it`,
				`metadata.annotations[c]: Invalid value: "$[run]": must not contain $[: scribe-gen would replace it`,
				`metadata.annotations[f]: Invalid value: "\x00": must not contain control characters`}},
		{"template beside a missing method", []string{"  rsync: {}", "  mover: {annotations: {a: '{{x}}'}}"},
			[]string{"spec: Required value: exactly one of rsync and rclone must be given",
				`spec.mover.annotations[a]: Invalid value: "{{x}}": must not contain {{`}},
		{"template deep in affinity", mover(`affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: In, values: ["{{x}}"]}]}]}}}`),
			[]string{`spec.mover.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values[0]: Invalid value: "{{x}}": must not contain {{: Argo Workflows would replace it`}},
		{"template in a directory", site(`engine: local, directory: "/srv/$[run]"`),
			[]string{`spec.sites[primary].directory: Invalid value: "/srv/$[run]": must not contain $[: scribe-gen would replace it`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, problems := spec.Parse("spec.yaml", []byte(edited(t, test.edits...)))
			got := problemLines(problems)
			if assert.Len(t, got, len(test.want), strings.Join(got, "\n")) {
				for i := range got {
					// Kubernetes' own messages are given by their beginning.
					assert.True(t, strings.HasPrefix(got[i], test.want[i]), "want %s\ngot  %s", test.want[i], got[i])
				}
			}
		})
	}
}

func TestExpandCron(t *testing.T) {
	for cron, want := range map[string]string{
		"*/15 * * * *":            "*/15 * * * *",
		"  0   4  *  *  mon-fri ": "0 4 * * mon-fri",
		"0 0 29 2 *":              "0 0 29 2 *",
		"@hourly":                 "0 * * * *",
		"@daily":                  "0 0 * * *",
		"@midnight":               "0 0 * * *",
		"@weekly":                 "0 0 * * 0",
		"@monthly":                "0 0 1 * *",
		"@yearly":                 "0 0 1 1 *",
		"@annually":               "0 0 1 1 *",
	} {
		got, err := spec.ExpandCron(cron)
		assert.NoError(t, err, cron)
		assert.Equal(t, want, got, cron)
	}
	for cron, want := range map[string]string{
		"":                      "must be five fields",
		"@every 5m":             "@every is not supported",
		"@reboot":               "@reboot is not supported",
		"@dayly":                `@dayly is not known; did you mean "@daily"?`,
		"@daily 5":              "@daily takes nothing after it",
		"0 */5 * * * *":         "has 6 fields; seconds and years are not supported",
		"* * *":                 "has 3 fields, must have five",
		"TZ=UTC 0 0 * * *":      "put it into schedule.timeZone",
		"CRON_TZ=UTC 0 0 * * *": "put it into schedule.timeZone",
		"60 * * * *":            "above maximum",
		"* * * * 7":             "above maximum",
		"*/0 * * * *":           "step of range should be a positive number",
		"0 0 31 2 *":            "never comes",
		"0 0 L * *":             "failed to parse",
		"0 0\n* * *":            "must not contain control characters",
	} {
		_, err := spec.ExpandCron(cron)
		assert.ErrorContains(t, err, want, cron)
	}
}

func TestTimeZones(t *testing.T) {
	for zone, valid := range map[string]bool{
		"Etc/UTC": true, "UTC": true, "Europe/Berlin": true, "America/Argentina/Buenos_Aires": true,
		"Local": false, "local": false, "localtime": false, "Mars/Olympus": false, "../etc/passwd": false, "/etc/localtime": false,
	} {
		_, problems := spec.Parse("spec.yaml", []byte(edited(t, "rsync: {}", "rsync: {}\n  schedule: {cron: '@daily', timeZone: "+zone+"}")))
		assert.Equal(t, valid, len(problems) == 0, "%s: %v", zone, problems)
	}
}
