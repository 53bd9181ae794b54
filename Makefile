# Everything this project does, one line of work a target. `make help` lists them.
SHELL := /bin/bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
FLAGS := -trimpath -ldflags "-s -w -X main.version=$(VERSION)"
PACKAGES := rsync openssh-client openssh-server acl attr
CLUSTER_PACKAGES := containerd runc containernetworking-plugins iptables nftables iproute2 btrfs-progs e2fsprogs

.DEFAULT_GOAL := help
.PHONY: help build deps cluster-deps image test short race fuzz bench demo e2e generate lint verify clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

build: ## build scribe-gen into bin/ and the step binaries into bin/steps/
	CGO_ENABLED=0 go build $(FLAGS) -o bin/ ./cmd/scribe-gen && CGO_ENABLED=0 go build $(FLAGS) -o bin/steps/ ./steps/snapshot ./steps/rsync ./steps/rclone ./steps/promote

deps: ## install the Debian packages that tests and the demo use, as far as they are missing
	@dpkg -s $(PACKAGES) >/dev/null 2>&1 || (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES))

cluster-deps: deps ## install the Debian packages that test clusters are made of, as far as they are missing
	@dpkg -s $(CLUSTER_PACKAGES) >/dev/null 2>&1 || (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(CLUSTER_PACKAGES))

image: deps ## build the step image as an archive, bin/scribe-steps.tar, and print what is in it
	go run ./image -o bin/scribe-steps.tar --report

test: cluster-deps ## run all tests; builds and boots a Kubernetes API server
	go test -timeout 40m ./...
	cd test/cluster/components/driver && go test -timeout 10m ./...

short: ## run the tests that need nothing but Go and take seconds
	go test -short ./...

race: deps ## run the tests of the steps under the race detector
	go test -race -short -timeout 40m ./steps/... ./tree/... ./templates/local/...

fuzz: ## run each fuzz target for a while (FUZZTIME=10s)
	./hack/fuzz.sh $(or $(FUZZTIME),10s)

bench: deps build ## measure against the peers' movers and write the tables into README.md (N=3, SUITES='ssh s3')
	set -e; for suite in $(or $(SUITES),ssh s3); do go run ./test/bench --suite=$$suite --steps=bin/steps -n $(or $(N),3) -o markdown --update=README.md; done

demo: deps build ## replicate a sample volume on this host, promote it, and show that it is identical
	go run ./test/demo --bin bin

e2e: cluster-deps ## build and boot a Kubernetes cluster, run both engines on it, and move data (ENGINE=argo|tekton|all|mixed, RUN=TestSync for some scenarios)
	SCRIBE_E2E_ENGINE=$(or $(ENGINE),all) ./hack/e2e.sh -parallel $(or $(PARALLEL),6) $(if $(RUN),-run '$(RUN)')

generate: ## rewrite generated references and example bundles
	go generate ./... && go test ./test -run Current -update

lint: ## check formatting, vet, static analysis and the direction of imports
	@test -z "$$(gofmt -l .)" || (gofmt -l . && false)
	go vet -tags e2e,cluster ./... && go tool -modfile=tools/go.mod staticcheck -tags e2e,cluster ./... && go tool -modfile=tools/go.mod depguard ./...
	cd test/cluster/components/driver && go vet ./...

verify: generate lint ## generate and lint, and fail when that changed a file
	go mod tidy -diff && git diff --exit-code

clean: ## remove what build made
	rm -rf bin
