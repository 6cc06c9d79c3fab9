package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/clusterreader"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	"github.com/fluxcd/cli-utils/pkg/object"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/fluxcd/pkg/runtime/statusreaders"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/normalize"
	ssautil "github.com/fluxcd/pkg/ssa/utils"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/kustomize/api/krusty"
	kustomize "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// The name of the controller: of its field manager and of its client.
const kustomizeController = "kustomize-controller"

// How often kustomize-controller looks at what it waits for.
const healthCheckInterval = 5 * time.Second

// What the health check expressions of a Kustomization say of each object.
//
// Source: kustomize-controller, `internal/controller/kustomization_controller.go`, which asks this reader for the kinds
// that the expressions name.
func fluxHealth(asked []byte) (any, error) {
	var question struct {
		Kustomization kustomizev1.Kustomization `json:"kustomization"`
		Objects       []json.RawMessage         `json:"objects"`
	}
	if err := json.Unmarshal(asked, &question); err != nil {
		return nil, err
	}
	objects, err := read(question.Objects)
	if err != nil {
		return nil, err
	}
	construct, err := cel.NewStatusReader(question.Kustomization.Spec.HealthCheckExprs)
	if err != nil {
		return nil, err
	}
	// Where things are in a cluster is not asked of an object at hand.
	reader := construct(nil)
	statuses := make([]string, 0, len(objects))
	for index, object := range objects {
		read, err := reader.ReadStatusForObject(context.Background(), nil, object)
		if err != nil {
			return nil, fmt.Errorf("object %d cannot be judged: %w", index, err)
		}
		if read.Error != nil {
			statuses = append(statuses, fmt.Sprintf("%s: %v", read.Status, read.Error))
			continue
		}
		statuses = append(statuses, read.Status.String())
	}
	return statuses, nil
}

// What a Kustomization is about, and where.
type reconciliation struct {
	Kubeconfig    string                    `json:"kubeconfig"`
	Kustomization kustomizev1.Kustomization `json:"kustomization"`
	// The files of the directory that it names, by their names.
	Files map[string]string `json:"files"`
}

// Builds and applies, and says of each object what became of it: `created`, `configured`, `unchanged` or `skipped`.
// An object without drift is not written.
//
// Source: kustomize-controller, `reconcile` and `apply` in `internal/controller/kustomization_controller.go`.
func fluxApply(asked []byte) (any, error) {
	about, objects, manager, err := prepare(asked)
	if err != nil {
		return nil, err
	}
	if err := normalize.UnstructuredList(objects); err != nil {
		return nil, err
	}
	changes, err := manager.ApplyAllStaged(context.Background(), objects, applyOptions(about))
	if err != nil {
		return nil, err
	}
	return changes.ToMap(), nil
}

// Waits until the objects are as declared, and answers with an empty text; or with the error that kustomize-controller
// reports.
//
// Source: kustomize-controller, `checkHealth`, with its defaults.
func fluxWait(asked []byte) (any, error) {
	about, objects, manager, err := prepare(asked)
	if err != nil {
		return nil, err
	}
	if !about.Kustomization.Spec.Wait {
		return nil, fmt.Errorf("this Kustomization waits for nothing")
	}
	err = manager.WaitForSetWithContext(context.Background(), object.UnstructuredSetToObjMetadataSet(objects), ssa.WaitOptions{
		Interval:    healthCheckInterval,
		Timeout:     about.Kustomization.GetTimeout(),
		FailFast:    true,
		JobsWithTTL: ssautil.ExtractJobsWithTTL(objects),
	})
	if err != nil {
		return err.Error(), nil
	}
	return "", nil
}

// Prunes the objects, as if their files were gone, and says of each what became of it: `deleted` or `skipped`.
//
// Source: kustomize-controller, `deleteObjects`.
func fluxPrune(asked []byte) (any, error) {
	about, objects, manager, err := prepare(asked)
	if err != nil {
		return nil, err
	}
	if !about.Kustomization.Spec.Prune {
		return nil, fmt.Errorf("this Kustomization prunes nothing")
	}
	changes, err := manager.DeleteAll(context.Background(), objects, ssa.DeleteOptions{
		PropagationPolicy: metav1.DeletePropagationBackground,
		Inclusions:        manager.GetOwnerLabels(about.Kustomization.Name, about.Kustomization.Namespace),
		Exclusions: map[string]string{
			kustomizev1.GroupVersion.Group + "/prune":     kustomizev1.DisabledValue,
			kustomizev1.GroupVersion.Group + "/reconcile": kustomizev1.DisabledValue,
			kustomizev1.GroupVersion.Group + "/ssa":       kustomizev1.IgnoreValue,
		},
	})
	if err != nil {
		return nil, err
	}
	return changes.ToMap(), nil
}

// The objects of a Kustomization with the labels of their owner, and the manager that applies them.
func prepare(asked []byte) (*reconciliation, []*unstructured.Unstructured, *ssa.ResourceManager, error) {
	var about reconciliation
	if err := json.Unmarshal(asked, &about); err != nil {
		return nil, nil, nil, err
	}
	objects, err := build(&about)
	if err != nil {
		return nil, nil, nil, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", about.Kubeconfig)
	if err != nil {
		return nil, nil, nil, err
	}
	config.UserAgent = kustomizeController
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, nil, nil, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, http)
	if err != nil {
		return nil, nil, nil, err
	}
	cluster, err := client.New(config, client.Options{HTTPClient: http, Mapper: mapper})
	if err != nil {
		return nil, nil, nil, err
	}
	poller, err := poller(&about.Kustomization, cluster, mapper)
	if err != nil {
		return nil, nil, nil, err
	}
	owner := ssa.Owner{Field: kustomizeController, Group: kustomizev1.GroupVersion.Group}
	manager := ssa.NewResourceManager(cluster, poller, owner)
	manager.SetOwnerLabels(objects, about.Kustomization.Name, about.Kustomization.Namespace)
	return &about, objects, manager, nil
}

// What kustomize makes of the files, where a directory has no kustomization.yaml and one is generated for it.
func build(about *reconciliation) ([]*unstructured.Unstructured, error) {
	files := filesys.MakeFsInMemory()
	generated := kustomize.Kustomization{Namespace: about.Kustomization.Spec.TargetNamespace}
	for _, name := range slices.Sorted(maps.Keys(about.Files)) {
		generated.Resources = append(generated.Resources, name)
		if err := files.WriteFile(name, []byte(about.Files[name])); err != nil {
			return nil, err
		}
	}
	text, err := yaml.Marshal(generated)
	if err != nil {
		return nil, err
	}
	if err := files.WriteFile("kustomization.yaml", text); err != nil {
		return nil, err
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, ".")
	if err != nil {
		return nil, err
	}
	objects := make([]*unstructured.Unstructured, 0, resources.Size())
	for _, resource := range resources.Resources() {
		text, err := resource.MarshalJSON()
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(text); err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// Source: kustomize-controller, `getClientAndPoller`.
func poller(about *kustomizev1.Kustomization, cluster client.Client, mapper meta.RESTMapper) (*polling.StatusPoller, error) {
	construct, err := cel.NewStatusReader(about.Spec.HealthCheckExprs)
	if err != nil {
		return nil, err
	}
	readers := []engine.StatusReader{statusreaders.NewCustomJobStatusReader(mapper)}
	if len(about.Spec.HealthCheckExprs) > 0 {
		readers = append(readers, construct(mapper))
	}
	return polling.NewStatusPoller(cluster, mapper, polling.Options{
		CustomStatusReaders:  readers,
		ClusterReaderFactory: engine.ClusterReaderFactoryFunc(clusterreader.NewDirectClusterReader),
	}), nil
}

// Source: kustomize-controller, `apply`, with its defaults.
func applyOptions(about *reconciliation) ssa.ApplyOptions {
	group := kustomizev1.GroupVersion.Group
	options := ssa.DefaultApplyOptions()
	options.Force = about.Kustomization.Spec.Force
	options.ExclusionSelector = map[string]string{
		group + "/reconcile": kustomizev1.DisabledValue,
		group + "/ssa":       kustomizev1.IgnoreValue,
	}
	options.IfNotPresentSelector = map[string]string{group + "/ssa": kustomizev1.IfNotPresentValue}
	options.ForceSelector = map[string]string{group + "/force": kustomizev1.EnabledValue}
	options.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{
			corev1.LastAppliedConfigAnnotation,
			"kustomize.toolkit.fluxcd.io/checksum",
			"fluxcd.io/sync-checksum",
		},
		Labels: []string{"fluxcd.io/sync-gc-mark"},
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: kustomizeController, OperationType: metav1.ManagedFieldsOperationUpdate},
		},
		Exclusions: map[string]string{group + "/ssa": kustomizev1.MergeValue},
	}
	return options
}
