module bartizan.local/cluster/back-ends

go 1.26.0

// Nothing is built from these: only their CustomResourceDefinitions are read.
require (
	github.com/cilium/cilium v1.18.4
	sigs.k8s.io/network-policy-api v0.2.0
)
