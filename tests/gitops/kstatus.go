package main

import (
	"encoding/json"
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What kstatus concludes from each object of a list. Flux and Helm import it; `tests/support/kstatus.rs` has to
// conclude the same.
func kstatusOf(asked []byte) (any, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(asked, &list); err != nil {
		return nil, err
	}
	objects, err := read(list)
	if err != nil {
		return nil, err
	}
	conclusions := make([]string, 0, len(objects))
	for index, object := range objects {
		result, err := status.Compute(object)
		if err != nil {
			return nil, fmt.Errorf("object %d cannot be judged: %w", index, err)
		}
		conclusions = append(conclusions, result.Status.String())
	}
	return conclusions, nil
}

// Not by encoding/json, which would make every number a float64; the tools want int64.
func read(list []json.RawMessage) ([]*unstructured.Unstructured, error) {
	objects := make([]*unstructured.Unstructured, 0, len(list))
	for index, text := range list {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(text); err != nil {
			return nil, fmt.Errorf("object %d cannot be read: %w", index, err)
		}
		objects = append(objects, object)
	}
	return objects, nil
}
