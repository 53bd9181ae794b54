// Package e2e proves on a real cluster what the project promises: the bundles
// that the compiler prints are applied as they are, the real engine runs them as
// pods on volumes of a real CSI driver, and replicas are compared with their
// sources entry by entry, in every attribute.
//
// The tests need the build tag e2e and root: they boot a cluster of their own,
// in a network namespace, from the program in test/cluster. With KUBECONFIG set
// and SCRIBE_E2E_CLUSTER empty they are for another day: a foreign cluster has
// other drivers, so only the scenarios that need neither faults nor the test
// driver's directory run there.
//
//	make e2e
//	go test -tags e2e ./test/e2e -run 'Sync/second' -v
//	SCRIBE_E2E_CLUSTER=dev go test -tags e2e ./test/e2e    # on a cluster that is up
package e2e
