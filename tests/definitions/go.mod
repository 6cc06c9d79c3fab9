// Where the definitions of foreign kinds come from that shipped objects are of: the modules of their owners, pinned by
// go.sum. Nothing is compiled. `tests/chart/foreign.rs` fetches them.
//
// To take a newer one: raise its version and write the two hashes that `go mod download -json MODULE@VERSION` tells to
// go.sum. `go mod tidy` would take all of them away, as nothing imports them.
module threatprotection.dev/definitions

go 1.26.0

require (
	github.com/fluxcd/kustomize-controller v1.9.6
	github.com/fluxcd/source-controller v1.9.6
	github.com/prometheus-operator/prometheus-operator v0.85.0
)
