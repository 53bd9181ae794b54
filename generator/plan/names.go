package plan

// Names of what a relationship has at a site. All begin with "scribe-" and the
// relationship, so that two replications never meet in one namespace; the
// suffixes differ between the two ends, as both may be in the same namespace.

// SourcePipeline is the pipeline that takes the copy and sends it.
func SourcePipeline(relationship string) string { return "scribe-" + relationship + "-src" }

// DestinationPipeline is the pipeline that receives.
func DestinationPipeline(relationship string) string { return "scribe-" + relationship + "-dst" }

// PromotePipeline is the pipeline that fails over.
func PromotePipeline(relationship string) string { return "scribe-" + relationship + "-promote" }

// ServiceName is the listener's Service.
func ServiceName(relationship string) string { return "scribe-" + relationship }

// FiltersName is the ConfigMap of the user's filters.
func FiltersName(relationship string) string { return "scribe-" + relationship + "-filters" }

// IndexName is the claim that keeps the manifest of the last recovery point.
func IndexName(relationship string) string { return "scribe-" + relationship + "-index" }

// accountName is the ServiceAccount of one duty, such as listen.
func accountName(relationship, duty string) string { return "scribe-" + relationship + "-" + duty }

// PipelineNameLimit is the longest name of a pipeline: Argo appends a time stamp
// to a CronWorkflow's name and Kubernetes to a CronJob's, and both must stay
// within 63 bytes.
const PipelineNameLimit = 52
