//! What is known of a licence by its name alone.

use crate::plan::microsoft::SkuPlan;

/// Id and service plans of a SKU by its part number; `None` where no licence table knows it.
pub(super) fn sku(_part_number: &str) -> Option<(String, Vec<SkuPlan>)> {
    None
}

/// Id of a service plan by its name; `None` where no licence table knows it.
pub(super) fn plan_id(_name: &str) -> Option<String> {
    None
}
