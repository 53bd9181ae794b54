#!/usr/bin/env bash
# Boots a cluster of its own, runs on it what needs one, and removes it, whatever
# happened. Arguments go to the end-to-end tests: hack/e2e.sh -run TestSync
#
#   KUBECONFIG=… hack/e2e.sh       on that cluster; the scenarios that need the
#                                  project's own are left out by name
#   SCRIBE_E2E_ENGINE=tekton       on that engine only; the others are argo; all,
#                                  the default, which also pairs one with the other
#                                  where they meet; and mixed, which does so in every
#                                  scenario of two sites
#   SCRIBE_E2E_CLUSTER=dev         on a cluster that "go run ./test/cluster up" made
set -euo pipefail
cd "$(dirname "$0")/.."

scenarios() {
	go test -tags e2e -count=1 -timeout 60m -v "$@" ./test/e2e
}

if [[ -n ${KUBECONFIG:-} && -z ${SCRIBE_E2E_CLUSTER:-} ]]; then
	scenarios "$@"
	exit
fi

name=${SCRIBE_E2E_CLUSTER:-e2e}
mkdir -p bin
CGO_ENABLED=0 go build -o bin/cluster ./test/cluster
if [[ -z ${SCRIBE_E2E_CLUSTER:-} ]]; then
	trap 'bin/cluster down --name "$name"' EXIT
	bin/cluster up --name "$name"
fi
SCRIBE_E2E_CLUSTER=$name scenarios "$@"

# The conformance suite of the Kubernetes volume store, on the same cluster.
state=/var/tmp/scribe-cluster/$name
volumes=$state/volumes
SCRIBE_TEST_KUBECONFIG=$state/kubeconfig \
	SCRIBE_TEST_VOLUMES=$volumes/csi.scribe.test/volumes:$volumes/plain.scribe.test/volumes \
	go test -tags cluster -count=1 -timeout 20m ./steps/internal/volume/kubernetes
