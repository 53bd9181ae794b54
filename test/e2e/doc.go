// Package e2e proves on a real cluster what the project promises: the bundles
// that the compiler prints are applied as they are, the real engine runs them as
// pods on volumes of a real CSI driver, and replicas are compared with their
// sources entry by entry, in every attribute. The tests need the build tag e2e.
//
//	make e2e
//	go test -tags e2e ./test/e2e -run 'CopyMethods/clone' -v
//
// # Engines
//
// A scenario is a subtest for each engine: TestSync/argo, TestSync/tekton. What two
// sites do together runs on pairs of different engines, too: TestSync/argo-tekton
// has Argo at the source's site and Tekton at the replica's.
//
//	SCRIBE_E2E_ENGINE  argo, tekton, all (default), or mixed: every scenario of two
//	                   sites on pairs of different engines
//
// # The own cluster
//
// By default they boot a cluster of their own, in a network namespace, from the
// program in test/cluster, which takes root. It is taken down at the end unless
// SCRIBE_E2E_KEEP is set. SCRIBE_E2E_CLUSTER names one that is up, or stays up:
//
//	SCRIBE_E2E_CLUSTER=dev go test -tags e2e ./test/e2e
//
// Data is written and compared in the directories of the cluster's CSI driver.
//
// # Object stores
//
// Scenarios of one source and many edges go through S3 servers that people run in
// production, the Versity gateway and MinIO. They run on this machine, with TLS and an
// authority of their own, one of each kind for all scenarios, and are built the first
// time, which takes minutes; see package s3.
//
// # Any other cluster
//
// With KUBECONFIG set and SCRIBE_E2E_CLUSTER empty the tests run on the cluster of
// its current context (kind, minikube, a cloud) and change it only by its API, in
// namespaces that they make and delete. It needs the engines, the CRDs and the
// controller of kubernetes-csi/external-snapshotter, a CSI driver that clones and
// takes snapshots, two images, and here kubectl on PATH; what is missing is said
// at once. Volumes are filled and listed by pods there, which run the program
// workbench; listings are compared in every attribute but the space that sparse
// files take. A VolumeSnapshot is looked at in a claim that is restored from it.
//
//	SCRIBE_E2E_STORAGE_CLASS   StorageClass of sources and replicas; default: the
//	                           cluster's default class
//	SCRIBE_E2E_SNAPSHOT_CLASS  VolumeSnapshotClass; default: the driver's default
//	SCRIBE_E2E_IMAGE           image of the steps; default: that of bundles
//	SCRIBE_E2E_WORKBENCH       image of the workbench; default:
//	                           localhost/scribe-test/workbench:1
//	SCRIBE_E2E_HOST            address of this machine that pods reach, for the object
//	                           stores; without it, scenarios that need one are left out
//
// Neither image needs a container engine to build:
//
//	go run ./image -o bin/scribe-steps.tar
//	go run ./test/e2e/workbench/image -o bin/scribe-workbench.tar
//
// The archives are loaded into the nodes, each of these ways:
//
//	kind load image-archive bin/scribe-steps.tar
//	minikube image load bin/scribe-steps.tar
//	go run ./test/cluster load-image --name dev bin/scribe-steps.tar
//
// or pushed, and then named in the environment:
//
//	skopeo copy docker-archive:bin/scribe-steps.tar docker://registry.example/steps:1
//	SCRIBE_E2E_IMAGE=registry.example/steps:1 make e2e
//
// Scenarios that need injected faults, the test driver's classes, restarts of the
// cluster's programs or its audit log are left out there, each by name, with what
// it needs, and are listed so in the summary. Nothing else is skipped.
package e2e
