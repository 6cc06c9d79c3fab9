package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Argo CD's interpreter and JSON library, used as Argo CD uses them. Its own package `util/lua` cannot be had without
// most of Argo CD's and of Kubernetes' source. Source: argo-cd v3.5.7, `util/lua/lua.go`, `util/settings/settings.go`
// and `gitops-engine/pkg/health/health.go`.

// What is asked of the scripts in the settings.
type argoQuestion struct {
	// argocd-cm
	Settings corev1.ConfigMap  `json:"settings"`
	Objects  []json.RawMessage `json:"objects"`
	// The action that is run.
	Action string `json:"action"`
}

// What is said about the resources of a kind, as far as it is used here.
type override struct {
	healthLua string
	actions   actions
}

type actions struct {
	DiscoveryLua string `json:"discovery.lua"`
	Definitions  []struct {
		Name      string `json:"name"`
		ActionLua string `json:"action.lua"`
	} `json:"definitions"`
	MergeBuiltinActions bool `json:"mergeBuiltinActions"`
}

// The health of an object.
type health struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// What an action makes of an object: the object and the merge patch that Argo CD sends, or why there is none.
type acted struct {
	Object *unstructured.Unstructured `json:"object,omitempty"`
	Patch  json.RawMessage            `json:"patch,omitempty"`
	Error  string                     `json:"error,omitempty"`
}

// What Argo CD shows of each object.
func argoHealth(asked []byte) (any, error) {
	return ofEach(asked, func(object *unstructured.Unstructured, said override, _ string) (any, error) {
		if object.GetDeletionTimestamp() != nil {
			return health{Status: "Progressing", Message: "Pending deletion"}, nil
		}
		return scriptedHealth(object, said)
	})
}

// What the health script says of each object, which is what the tests in Argo CD's repository ask.
func argoScript(asked []byte) (any, error) {
	return ofEach(asked, func(object *unstructured.Unstructured, said override, _ string) (any, error) {
		return scriptedHealth(object, said)
	})
}

// The actions on each object, with whether they are disabled.
func argoActions(asked []byte) (any, error) {
	return ofEach(asked, func(object *unstructured.Unstructured, said override, _ string) (any, error) {
		if said.actions.MergeBuiltinActions {
			return nil, errors.New("there are no built-in actions of this kind")
		}
		text, err := encoded(said.actions.DiscoveryLua, object)
		if err != nil {
			return nil, err
		}
		var found map[string]struct {
			Disabled bool `json:"disabled"`
		}
		if err := json.Unmarshal(text, &found); err != nil {
			return nil, err
		}
		disabled := make(map[string]bool, len(found))
		for name, action := range found {
			disabled[name] = action.Disabled
		}
		return disabled, nil
	})
}

// What the action makes of each object.
func argoAct(asked []byte) (any, error) {
	return ofEach(asked, func(object *unstructured.Unstructured, said override, action string) (any, error) {
		for _, definition := range said.actions.Definitions {
			if definition.Name == action {
				return act(object, definition.ActionLua)
			}
		}
		return nil, fmt.Errorf("there is no action %q", action)
	})
}

// Answers about each object, by what the settings say about its kind.
func ofEach(asked []byte, answer func(*unstructured.Unstructured, override, string) (any, error)) (any, error) {
	var question argoQuestion
	if err := json.Unmarshal(asked, &question); err != nil {
		return nil, err
	}
	objects, err := read(question.Objects)
	if err != nil {
		return nil, err
	}
	overrides, err := overridesOf(question.Settings.Data)
	if err != nil {
		return nil, err
	}
	answers := make([]any, 0, len(objects))
	for index, object := range objects {
		kind := object.GroupVersionKind()
		said, found := overrides[kind.Group+"/"+kind.Kind]
		if !found {
			return nil, fmt.Errorf("the settings say nothing about object %d, a %s", index, kind)
		}
		one, err := answer(object, said, question.Action)
		if err != nil {
			return nil, fmt.Errorf("object %d: %w", index, err)
		}
		answers = append(answers, one)
	}
	return answers, nil
}

// The settings `resource.customizations.<type>.<group>_<kind>`, by group and kind. One of another form is one that Argo
// CD passes over or refuses; both are refused here.
func overridesOf(data map[string]string) (map[string]override, error) {
	overrides := make(map[string]override)
	for name, value := range data {
		if !strings.HasPrefix(name, "resource.customizations") {
			continue
		}
		parts := strings.SplitN(name, ".", 4)
		if len(parts) < 4 {
			return nil, fmt.Errorf("%s names no kind", name)
		}
		group, kind, found := strings.Cut(parts[3], "_")
		if !found || strings.Contains(kind, "_") {
			return nil, fmt.Errorf("%s names no group and kind", name)
		}
		key := group + "/" + kind
		said := overrides[key]
		switch parts[2] {
		case "health":
			said.healthLua = value
		case "actions":
			if err := yaml.Unmarshal([]byte(value), &said.actions); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		default:
			return nil, fmt.Errorf("%s is of a type that is not known here", name)
		}
		overrides[key] = said
	}
	return overrides, nil
}

func scriptedHealth(object *unstructured.Unstructured, said override) (health, error) {
	text, err := encoded(said.healthLua, object)
	if err != nil {
		return health{Status: "Unknown", Message: err.Error()}, nil
	}
	var told health
	if err := json.Unmarshal(text, &told); err != nil {
		return health{}, err
	}
	switch told.Status {
	case "Unknown", "Progressing", "Suspended", "Healthy", "Degraded", "Missing":
		return told, nil
	}
	return health{Status: "Unknown", Message: "Lua returned an invalid health status"}, nil
}

// Runs an action as the API server of Argo CD does.
func act(object *unstructured.Unstructured, script string) (any, error) {
	text, err := encoded(script, object)
	if err != nil {
		return acted{Error: err.Error()}, nil
	}
	changed := &unstructured.Unstructured{}
	if err := changed.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	changed.Object = restored(changed.Object, object.Object).(map[string]any)
	before, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	after, err := changed.MarshalJSON()
	if err != nil {
		return nil, err
	}
	patch, err := jsonpatch.CreateMergePatch(before, after)
	return acted{Object: changed, Patch: patch}, err
}

// Lua cannot tell an empty object from an empty list, and the JSON library takes it for a list: what was an empty object
// is one again. Source: `cleanReturnedObj`.
func restored(changed, before any) any {
	switch changed := changed.(type) {
	case map[string]any:
		if before, ok := before.(map[string]any); ok {
			for key, old := range before {
				if now, ok := changed[key]; ok {
					changed[key] = restored(now, old)
				}
			}
		}
		return changed
	case []any:
		if _, ok := before.(map[string]any); ok && len(changed) == 0 {
			return map[string]any{}
		}
		if before, ok := before.([]any); ok {
			for index := range min(len(changed), len(before)) {
				changed[index] = restored(changed[index], before[index])
			}
		}
		return changed
	}
	return changed
}
