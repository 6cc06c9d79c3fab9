//! What is known of a licence by its name, where the world file spells out no more.

use crate::plan::microsoft::SkuPlan;
use crate::tenant::ProvisioningStatus;
use crate::tenant::licences::{PLANS, Sku, sku, skus_by_part_number};

/// The SKU that a file means, by its id or else by its part number; `None` where no SKU is known by it, or several are.
pub(super) fn meant(id: Option<&str>, part_number: Option<&str>) -> Option<&'static Sku> {
    if let Some(id) = id {
        return sku(id);
    }
    let mut found = skus_by_part_number(part_number?);
    let first = found.next();
    first.filter(|_| found.next().is_none())
}

/// All plans of a SKU, ready for use.
pub(super) fn plans(sku: &Sku) -> Vec<SkuPlan> {
    let plan = |id: &str| SkuPlan { id: id.to_owned(), provisioning: ProvisioningStatus::Success };
    sku.plans.iter().map(|known| plan(known.id)).collect()
}

/// Id of a service plan by its name; `None` where no plan has it, or several have.
pub(super) fn plan_id(name: &str) -> Option<String> {
    let mut found = PLANS.iter().filter(|plan| plan.name.trim().eq_ignore_ascii_case(name.trim()));
    let first = found.next();
    first.filter(|_| found.next().is_none()).map(|plan| plan.id.to_owned())
}
