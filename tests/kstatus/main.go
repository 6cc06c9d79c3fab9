// Says of each object of a JSON list on standard input what kstatus concludes, as a JSON list on standard output.
//
// This is the module that Flux and Helm import; `tests/support/kstatus.rs` has to conclude the same.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var objects []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&objects); err != nil {
		return fmt.Errorf("standard input is no list: %w", err)
	}
	conclusions := make([]string, 0, len(objects))
	for index, text := range objects {
		// Not by encoding/json, which would make every number a float64; kstatus wants int64.
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(text); err != nil {
			return fmt.Errorf("object %d cannot be read: %w", index, err)
		}
		result, err := status.Compute(object)
		if err != nil {
			return fmt.Errorf("object %d cannot be judged: %w", index, err)
		}
		conclusions = append(conclusions, result.Status.String())
	}
	return json.NewEncoder(os.Stdout).Encode(conclusions)
}
