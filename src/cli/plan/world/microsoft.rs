//! What Microsoft's own APIs would answer.

use std::collections::BTreeMap;

use super::broker::{failure, reason};
use super::wire::{
    Assignment, Either, Holders, Hunting as HuntingFile, Link, MdeOnboarding, Microsoft as File,
    Organization as OrganizationFile, PlanOfSku, PrincipalKind, SignIn, SubScope, SubscribedSku as SkuFile,
    Subscription, Told,
};
use super::{WorldError, in_range, licences};
use crate::api::Reason;
use crate::plan::desired::Desired;
use crate::plan::failure::{ErrorClass, Failure};
use crate::plan::microsoft::{
    Access, Answer, DirectorySubscription, EndpointLocation, Holder, Hunting, LinkAnswer, Listed, Microsoft,
    ObservedLink, Organization, Principal, Requirements, RoleHolders, SkuPlan, SubscribedSku,
};
use crate::plan::reading::{Reading, Source, Why};
use crate::tenant::{CapabilityStatus, Cloud, ProvisioningStatus, Role, TenantId};

pub(super) fn microsoft(file: &File, desired: &Desired) -> Result<Microsoft, WorldError> {
    let mut seen = match &file.sign_in {
        None | Some(Either::Word(_)) => Microsoft {
            organization: observed(organization(&OrganizationFile::default(), desired)),
            ..Microsoft::unknown(Access::Granted, Why::NotAsked)
        },
        Some(Either::Full(refused)) => no_access(refused)?,
    };
    seen.cloud = observed(desired.cloud);
    set(&mut seen.cloud, file.tenant_region_sub_scope.as_ref(), |scope| Ok(cloud(*scope)))?;
    set(&mut seen.organization, file.organization.as_ref(), |organisation| Ok(organization(organisation, desired)))?;
    let complete = file.subscribed_skus_complete;
    set(&mut seen.skus, file.subscribed_skus.as_ref(), |skus| listed(skus, complete, sku))?;
    let complete = file.subscriptions_complete;
    set(&mut seen.subscriptions, file.subscriptions.as_ref(), |all| listed(all, complete, subscription))?;
    seen.roles = file.role_assignments.iter().map(|(name, file)| role(name, file)).collect::<Result<_, _>>()?;
    set(&mut seen.hunting, file.hunting.as_ref(), hunting)?;
    set(&mut seen.incidents, file.incidents.as_ref(), |status| answer("microsoft.incidents", *status))?;
    set(&mut seen.identity, file.health_issues.as_ref(), |status| answer("microsoft.healthIssues", *status))?;
    set(&mut seen.newest_rows, file.newest_rows.as_ref(), |rows| {
        rows.values().try_for_each(|time| in_range("microsoft.newestRows", Some(*time)))?;
        Ok(rows.clone())
    })?;
    set(&mut seen.endpoint_location, file.mde_onboarding.as_ref(), |package| Ok(location(package)))?;
    set(&mut seen.security_center, file.wdatp_setting.as_ref(), |is_on| Ok(*is_on))?;
    if file.mde_onboarding.is_some() || file.wdatp_setting.is_some() {
        seen.observation_owner = Reading::observed(desired.tenant);
    }
    set(&mut seen.observation_owner, file.observation_subscription_tenant.as_ref(), |tenant| Ok(*tenant))?;
    seen.links = links(&file.links)?;
    if let Some(file) = &file.failure {
        seen.failure = Some(failure("microsoft.failure", file)?);
    }
    Ok(seen)
}

const fn observed<T>(value: T) -> Reading<T> {
    Reading::Known { value, source: Source::Observed }
}

/// Replaces a reading by what the file tells, if it tells something.
fn set<T, U>(
    reading: &mut Reading<U>,
    told: Option<&Told<T>>,
    read: impl FnOnce(&T) -> Result<U, WorldError>,
) -> Result<(), WorldError> {
    match told {
        Some(Told::Known(value)) => *reading = observed(read(value)?),
        Some(Told::Unknown(why)) => *reading = Reading::unknown(*why),
        None => {}
    }
    Ok(())
}

/// A reading of something that may be left out: then it was not asked.
fn asked<T, U>(
    told: Option<&Told<T>>,
    read: impl FnOnce(&T) -> Result<U, WorldError>,
) -> Result<Reading<U>, WorldError> {
    let mut reading = Reading::unknown(Why::NotAsked);
    set(&mut reading, told, read)?;
    Ok(reading)
}

fn no_access(file: &SignIn) -> Result<Microsoft, WorldError> {
    match (&file.refused, &file.failed) {
        (Some(name), None) => {
            let reason = reason("microsoft.signIn.refused", name)?;
            let class = match reason {
                Reason::PermissionDenied => ErrorClass::Permission,
                _ => ErrorClass::Auth,
            };
            let message = file.message.clone().unwrap_or_else(|| reason.meaning().to_owned());
            Ok(Microsoft::no_access(Failure { class, reason, message, request_id: None }, true))
        }
        (None, Some(message)) => {
            let failure = Failure {
                class: ErrorClass::Transient,
                reason: Reason::ProviderUnavailable,
                message: message.clone(),
                request_id: None,
            };
            Ok(Microsoft::no_access(failure, false))
        }
        _ => {
            let problem = "write Granted, or { refused: REASON, message: … }, or { failed: MESSAGE }";
            Err(WorldError::value("microsoft.signIn", problem))
        }
    }
}

const fn cloud(scope: SubScope) -> Cloud {
    match scope {
        SubScope::None => Cloud::Public,
        SubScope::GCC => Cloud::GCC,
        SubScope::DODCON => Cloud::GCCHigh,
        SubScope::DOD => Cloud::DoD,
    }
}

fn organization(file: &OrganizationFile, desired: &Desired) -> Organization {
    Organization {
        id: file.id.unwrap_or(desired.tenant),
        display_name: file.display_name.clone(),
        default_domain: file.verified_domains.iter().find(|domain| domain.is_default).map(|domain| domain.name.clone()),
        country_code: file.country_letter_code.clone(),
    }
}

fn listed<T, U>(
    items: &[T],
    is_complete: Option<bool>,
    read: impl Fn(usize, &T) -> Result<U, WorldError>,
) -> Result<Listed<U>, WorldError> {
    let items = items.iter().enumerate().map(|(index, item)| read(index, item)).collect::<Result<_, _>>()?;
    Ok(Listed { items, is_complete: is_complete.unwrap_or(true) })
}

fn sku(index: usize, file: &SkuFile) -> Result<SubscribedSku, WorldError> {
    let field = |name: &str| format!("microsoft.subscribedSkus[{index}].{name}");
    let meant = licences::meant(file.sku_id.as_deref(), Some(&file.sku_part_number));
    let unknown = |name: &str| {
        let part = &file.sku_part_number;
        let problem = format!("the licence table does not know one SKU {part:?}: write skuId and servicePlans");
        WorldError::value(field(name), problem)
    };
    let plans = match (&file.service_plans, meant) {
        (Some(plans), _) => plans
            .iter()
            .enumerate()
            .map(|(at, plan)| sku_plan(&field(&format!("servicePlans[{at}]")), plan))
            .collect::<Result<_, _>>()?,
        (None, Some(sku)) => licences::plans(sku),
        (None, None) => return Err(unknown("servicePlans")),
    };
    let id = match (&file.sku_id, meant) {
        (Some(id), _) => id.to_ascii_lowercase(),
        (None, Some(sku)) => sku.id.to_owned(),
        (None, None) => return Err(unknown("skuId")),
    };
    Ok(SubscribedSku {
        id,
        part_number: file.sku_part_number.clone(),
        capability: CapabilityStatus::read(&file.capability_status),
        plans,
    })
}

fn sku_plan(field: &str, file: &PlanOfSku) -> Result<SkuPlan, WorldError> {
    let by_name = || file.service_plan_name.as_deref().and_then(licences::plan_id);
    let id = file.service_plan_id.as_ref().map(|id| id.to_ascii_lowercase()).or_else(by_name);
    let status = file.provisioning_status.as_deref().unwrap_or("Success");
    match id {
        Some(id) => Ok(SkuPlan { id, provisioning: ProvisioningStatus::read(status) }),
        None => Err(WorldError::value(field, "write servicePlanId, or a servicePlanName that the licence table knows")),
    }
}

fn subscription(index: usize, file: &Subscription) -> Result<DirectorySubscription, WorldError> {
    let field = format!("microsoft.subscriptions[{index}]");
    in_range(&format!("{field}.nextLifecycleDateTime"), file.next_lifecycle_date_time)?;
    let by_name = || licences::meant(None, file.sku_part_number.as_deref()).map(|sku| sku.id.to_owned());
    let id = file.sku_id.as_ref().map(|id| id.to_ascii_lowercase()).or_else(by_name);
    let problem = "write skuId, or a skuPartNumber that the licence table knows";
    Ok(DirectorySubscription {
        sku_id: id.ok_or_else(|| WorldError::value(field, problem))?,
        is_trial: file.is_trial,
        status: CapabilityStatus::read(&file.status),
        next_lifecycle: file.next_lifecycle_date_time,
    })
}

fn role(name: &str, file: &Holders) -> Result<(Role, RoleHolders), WorldError> {
    let known = Role::ALL.iter().copied().find(|role| role.name() == name);
    let role = known.ok_or_else(|| {
        let names: Vec<_> = Role::ALL.iter().map(|role| role.name()).collect();
        WorldError::value("microsoft.roleAssignments", format!("{name:?} is none of {}", names.join(", ")))
    })?;
    let assigned = asked(file.assigned.as_ref(), |all| listed(all, file.assigned_complete, holder))?;
    let eligible = asked(file.eligible.as_ref(), |all| match all {
        Either::Word(_) => Ok(Listed { items: Vec::new(), is_complete: true }),
        Either::Full(all) => listed(all, file.eligible_complete, holder),
    })?;
    Ok((role, RoleHolders { assigned, eligible }))
}

fn holder(_: usize, file: &Assignment) -> Result<Holder, WorldError> {
    let members = asked(file.members.as_ref(), |count| Ok(*count))?;
    if file.members.is_some() && file.principal != PrincipalKind::Group {
        return Err(WorldError::value("microsoft.roleAssignments", "members belongs to principal Group"));
    }
    let principal = match file.principal {
        PrincipalKind::User => Principal::User,
        PrincipalKind::ServicePrincipal => Principal::ServicePrincipal,
        PrincipalKind::Group => Principal::Group { members },
        PrincipalKind::Unrecognised => Principal::Unrecognised,
    };
    Ok(Holder { principal, scope: file.directory_scope_id.clone() })
}

fn hunting(file: &HuntingFile) -> Result<Hunting, WorldError> {
    match answer("microsoft.hunting.status", file.status)? {
        Answer::Answers => Ok(Hunting::Answers { tables: file.tables.iter().copied().collect() }),
        Answer::Refuses if file.tables.is_empty() => Ok(Hunting::Refuses),
        Answer::Refuses => Err(WorldError::value("microsoft.hunting.tables", "there are none where the status is 403")),
    }
}

fn answer(field: &str, status: u16) -> Result<Answer, WorldError> {
    match status {
        200 => Ok(Answer::Answers),
        403 => Ok(Answer::Refuses),
        other => {
            let problem =
                format!("{other} is neither 200 nor 403: write {{ unknown: ReadFailed }} for any other answer");
            Err(WorldError::value(field, problem))
        }
    }
}

fn location(file: &MdeOnboarding) -> EndpointLocation {
    let geography = file.vortex_geo_location.clone().or_else(|| file.partner_geo_location.clone());
    EndpointLocation { data_center: file.datacenter.clone(), geography }
}

fn links(files: &BTreeMap<String, Link>) -> Result<BTreeMap<String, ObservedLink>, WorldError> {
    files.iter().map(|(name, file)| Ok((name.clone(), link(name, file)?))).collect()
}

fn link(name: &str, file: &Link) -> Result<ObservedLink, WorldError> {
    let answer = match (&file.partner_state, file.enabled, &file.incidents, &file.unknown) {
        (Some(state), None, None, None) => observed(LinkAnswer::Partner(state.clone())),
        (None, Some(is_enabled), None, None) => observed(LinkAnswer::Setting { is_enabled }),
        (None, None, Some(state), None) => {
            observed(LinkAnswer::Connector { incidents: Some(state.clone()).filter(|state| state != "None") })
        }
        (None, None, None, why) => Reading::unknown(why.map_or(Why::NotAsked, Why::from)),
        _ => {
            let problem = "one of partnerState, enabled, incidents and unknown is possible";
            return Err(WorldError::value(format!("microsoft.links.{name}"), problem));
        }
    };
    let requirements = match (&file.authorization_state, &file.license_state) {
        (None, None) => Reading::unknown(Why::NotAsked),
        (authorization, licence) => observed(Requirements {
            is_authorized: authorization.as_deref() == Some("Valid"),
            is_licensed: licence.as_deref() != Some("Invalid"),
        }),
    };
    let owner = asked::<TenantId, _>(file.subscription_tenant.as_ref(), |tenant| Ok(*tenant))?;
    Ok(ObservedLink { answer, owner, requirements })
}
