//! Names that other programs rely on. Each is unique and none may ever change its meaning.

/// API group of the resource.
pub const GROUP: &str = "threatprotection.dev";
/// The one served and stored version.
pub const VERSION: &str = "v1alpha1";
/// Kind of the resource.
pub const KIND: &str = "ThreatProtectionTenant";
/// Name of the custom resource definition.
pub const CRD_NAME: &str = "threatprotectiontenants.threatprotection.dev";
/// Finalizer that holds a deleted resource until its declared deprovisioning is proven. Only under `deletionPolicy: Deprovision`.
pub const FINALIZER: &str = "threatprotection.dev/deprovision";
/// Any new value asks for a reconcile now; the value is echoed in `status.lastHandledReconcileAt`.
pub const RECONCILE_REQUEST_ANNOTATION: &str = "threatprotection.dev/reconcile-requested-at";
/// Field manager of every status write. Renaming it would strand the fields it owns.
pub const FIELD_MANAGER: &str = "threat-protection-operator";
/// Field manager of the dry run in which `plan` shows a new resource to the API server; it never owns anything.
pub const PLAN_MANAGER: &str = "threatprotection.dev-plan";
/// Reporting controller of every event.
pub const EVENT_CONTROLLER: &str = "threatprotection.dev/operator";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_qualified() {
        let names = [
            GROUP,
            VERSION,
            KIND,
            CRD_NAME,
            FINALIZER,
            RECONCILE_REQUEST_ANNOTATION,
            FIELD_MANAGER,
            PLAN_MANAGER,
            EVENT_CONTROLLER,
        ];
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        for qualified in [FINALIZER, RECONCILE_REQUEST_ANNOTATION, EVENT_CONTROLLER] {
            assert!(qualified.starts_with("threatprotection.dev/"), "{qualified}");
        }
    }
}
