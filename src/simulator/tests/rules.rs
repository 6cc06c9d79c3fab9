//! Each rule of each experience, accepted and refused. Expected values are typed from Microsoft's pages, quoted per table.

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;

use crate::simulator::acts::{self, Navigation, Scene, TurnOn};
use crate::simulator::journal::{Actor, Change, Effect};
use crate::simulator::role_name::RoleName;
use crate::simulator::rules::{self, Refusal};
use crate::simulator::tenant::{Consent, ServiceState, Tenant};
use crate::tenant::Experience::{self, DefenderPortal, SettingsPage, WelcomePage};
use crate::tenant::IntegrationType::{self, EndpointIntune, IdentityCloudApps};
use crate::tenant::Region::{self, AE, AU, EU, UK, US};
use crate::tenant::Role::{self, GlobalAdministrator, IntuneAdministrator, SecurityAdministrator};
use crate::tenant::Service::{self, CloudApps, Endpoint, Identity, Office365};
use crate::tenant::{Cloud, Feature, LinkState};

const ALL: [Service; 4] = [Endpoint, Identity, CloudApps, Office365];
const SECURITY: Actor = Actor::Person(RoleName(SecurityAdministrator));
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn tenant(experience: Experience) -> Tenant {
    let mut tenant = Tenant::new("8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11".parse().unwrap());
    tenant.experience = experience;
    tenant.services = ALL.into();
    tenant.roles = Role::ALL.iter().map(|role| RoleName(*role)).collect();
    tenant
}

fn consent() -> Consent {
    Consent { granted_by: "ciso".to_owned(), granted_on: jiff::civil::date(2020, 3, 13), reference: None }
}

/// A tenant that would come on at the welcome page once it has a region.
fn consented() -> Tenant {
    Tenant { consent: Some(consent()), ..tenant(WelcomePage) }
}

fn by(actor: Actor) -> Scene {
    Scene { actor, now: NOW }
}

/// Turns on and proves, whatever happens, that the four services and Endpoint's region are untouched.
fn turn_on(tenant: &mut Tenant, actor: Actor, region: Option<Region>) -> Result<Vec<Change>, Refusal> {
    let (services, endpoint) = (tenant.services.clone(), tenant.endpoint_region);
    let result = acts::turn_on(tenant, by(actor), TurnOn { region, consent: None });
    assert_eq!((&tenant.services, tenant.endpoint_region), (&services, endpoint), "the services were altered");
    result
}

fn effects(changes: &[Change]) -> Vec<Effect> {
    changes.iter().map(|change| change.effect).collect()
}

/// March 2020: *A Microsoft 365 E5, E5 Security or A5 licence, or a valid combination, gives access to the supported services.*
/// June 2020: *A license to a Microsoft 365 security product generally entitles you.* Today: any one.
#[rstest]
#[case(WelcomePage, &ALL, true)]
#[case(WelcomePage, &[Endpoint, Identity, CloudApps], false)]
#[case(WelcomePage, &[Endpoint], false)]
#[case(WelcomePage, &[], false)]
#[case(SettingsPage, &[Identity], true)]
#[case(SettingsPage, &[Office365], true)]
#[case(SettingsPage, &[], false)]
#[case(DefenderPortal, &[CloudApps], true)]
#[case(DefenderPortal, &[], false)]
fn eligibility(#[case] experience: Experience, #[case] services: &[Service], #[case] eligible: bool) {
    let mut tenant = tenant(experience);
    tenant.services = services.iter().copied().collect();
    assert_eq!(rules::eligibility(&tenant).is_ok(), eligible);
    tenant.consent = Some(consent());
    let result = turn_on(&mut tenant, SECURITY, Some(EU));
    assert_eq!(result.is_ok(), eligible, "{result:?}");
    if !eligible {
        assert!(matches!(result, Err(Refusal::NotEligible { .. })));
        assert_eq!(acts::navigation(&tenant), Navigation::Absent, "these navigation items are not shown");
    }
}

/// FAQ, September 2020: not available to GCC and GCC High at that time.
#[rstest]
#[case(WelcomePage, Cloud::GCC, false)]
#[case(SettingsPage, Cloud::GCCHigh, false)]
#[case(SettingsPage, Cloud::DoD, false)]
#[case(DefenderPortal, Cloud::GCC, true)]
fn clouds(#[case] experience: Experience, #[case] cloud: Cloud, #[case] eligible: bool) {
    let mut tenant = tenant(experience);
    tenant.cloud = cloud;
    assert_eq!(rules::eligibility(&tenant).is_ok(), eligible);
    if eligible {
        assert_eq!(rules::region_for(&tenant, SECURITY, None), Ok(None), "one location, no name");
        assert!(rules::region_for(&tenant, Actor::Broker, Some(EU)).is_err());
    }
}

/// *You must be a global administrator or a security administrator in Azure Active Directory to turn on MTP.*
#[rstest]
#[case(GlobalAdministrator, true)]
#[case(SecurityAdministrator, true)]
#[case(IntuneAdministrator, false)]
#[case(Role::ServiceSupportAdministrator, false)]
fn roles_that_turn_on(
    #[case] role: Role,
    #[case] allowed: bool,
    #[values(SettingsPage, DefenderPortal)] experience: Experience,
) {
    let actor = Actor::Person(RoleName(role));
    let result = turn_on(&mut tenant(experience), actor, None);
    assert_eq!(result.is_ok(), allowed, "{result:?}");
    let mut nobody = tenant(experience);
    nobody.roles.clear();
    let result = turn_on(&mut nobody, actor, None);
    assert!(matches!(result, Err(Refusal::RoleMissing { .. })), "nobody holds it: {result:?}");
}

/// March 2020: *same data centre as chosen for Microsoft Defender ATP; without it you are asked to choose one.* June 2020: *a
/// new location is automatically selected*, another one through support. EU, UK and US in 2020; more today.
#[rstest]
#[case::endpoint(WelcomePage, SECURITY, Some(UK), None, Ok(UK))]
#[case::endpoint_named(WelcomePage, SECURITY, Some(UK), Some(UK), Ok(UK))]
#[case::endpoint_contradicted(WelcomePage, SECURITY, Some(UK), Some(US), Err("RegionMismatch"))]
#[case::chosen(WelcomePage, SECURITY, None, Some(US), Ok(US))]
#[case::not_chosen(WelcomePage, SECURITY, None, None, Err("RegionMissing"))]
#[case::not_offered(WelcomePage, SECURITY, None, Some(AU), Err("RegionUnavailable"))]
#[case::broker_must_choose(WelcomePage, Actor::Broker, None, None, Err("RegionMissing"))]
#[case::automatic(SettingsPage, SECURITY, None, None, Ok(EU))]
#[case::automatic_named(SettingsPage, SECURITY, None, Some(EU), Ok(EU))]
#[case::nobody_chooses(SettingsPage, SECURITY, None, Some(US), Err("RegionAutomatic"))]
#[case::support_arranges(SettingsPage, Actor::Support, None, Some(US), Ok(US))]
#[case::broker_arranges(SettingsPage, Actor::Broker, None, Some(UK), Ok(UK))]
#[case::not_even_support(SettingsPage, Actor::Support, Some(EU), Some(US), Err("RegionMismatch"))]
#[case::not_offered_in_june(SettingsPage, Actor::Support, None, Some(AE), Err("RegionUnavailable"))]
#[case::endpoint_today(DefenderPortal, SECURITY, Some(AU), None, Ok(AU))]
#[case::automatic_today(DefenderPortal, SECURITY, None, None, Ok(EU))]
#[case::wish_today(DefenderPortal, SECURITY, None, Some(AU), Err("RegionAutomatic"))]
#[case::support_today(DefenderPortal, Actor::Support, None, Some(AE), Ok(AE))]
#[case::mismatch_today(DefenderPortal, Actor::Broker, Some(UK), Some(EU), Err("RegionMismatch"))]
fn regions(
    #[case] experience: Experience,
    #[case] actor: Actor,
    #[case] endpoint: Option<Region>,
    #[case] wish: Option<Region>,
    #[case] expected: Result<Region, &str>,
) {
    let mut tenant = Tenant { experience, endpoint_region: endpoint, ..consented() };
    let before = tenant.clone();
    match (turn_on(&mut tenant, actor, wish), expected) {
        (Ok(changes), Ok(region)) => {
            assert_eq!(effects(&changes), [Effect::TurnedOn]);
            assert_eq!(tenant.service, ServiceState::On { region: Some(region), since: Some(NOW) });
            assert_eq!(tenant.region, Some(region));
        }
        (Err(refusal), Err(name)) => {
            assert!(refusal.to_string().starts_with(name), "{refusal}");
            assert_eq!(tenant, before, "a refusal changes nothing");
        }
        (result, expected) => panic!("{result:?} instead of {expected:?}"),
    }
}

/// March 2020: *You must give consent before data is shared between services and aggregated.* Not mentioned from June on.
#[test]
fn consent_is_asked_on_the_welcome_page_only() {
    let mut march = tenant(WelcomePage);
    assert_eq!(turn_on(&mut march, SECURITY, Some(EU)), Err(Refusal::ConsentMissing));
    assert_eq!(effects(&acts::give_consent(&mut march, by(SECURITY), consent()).unwrap()), [Effect::Consented]);
    assert_eq!(effects(&acts::choose_region(&mut march, by(SECURITY), UK).unwrap()), [Effect::RegionChosen]);
    turn_on(&mut march, SECURITY, None).unwrap();
    assert_eq!(march.region, Some(UK), "the region that was chosen before");
    for experience in [SettingsPage, DefenderPortal] {
        let mut later = tenant(experience);
        assert!(matches!(acts::give_consent(&mut later, by(SECURITY), consent()), Err(Refusal::NoSuchSwitch { .. })));
        assert!(matches!(acts::choose_region(&mut later, by(SECURITY), UK), Err(Refusal::NoSuchSwitch { .. })));
        turn_on(&mut later, SECURITY, None).unwrap();
    }
}

/// March 2020: the items show the welcome page. June 2020: *automatically turns on when eligible customers with the required
/// permissions visit*. Today: opening an item starts onboarding.
#[rstest]
#[case(WelcomePage, Navigation::WelcomePage, Navigation::WelcomePage)]
#[case(SettingsPage, Navigation::SettingsPage, Navigation::Features)]
#[case(DefenderPortal, Navigation::StartsOnboarding, Navigation::Features)]
fn opening_the_portal(#[case] experience: Experience, #[case] before: Navigation, #[case] shown: Navigation) {
    let mut eligible = tenant(experience);
    assert_eq!(acts::navigation(&eligible), before);
    let (seen, changes) = acts::open_portal(&mut eligible, by(SECURITY));
    assert_eq!(seen, shown);
    assert_eq!(changes.len(), usize::from(shown == Navigation::Features));
    assert_eq!((eligible.services, eligible.endpoint_region), (ALL.into(), None), "the services are untouched");
    let mut unpermitted = tenant(experience);
    let (seen, changes) = acts::open_portal(&mut unpermitted, by(Actor::Person(RoleName(IntuneAdministrator))));
    assert_eq!((seen, changes.len()), (before, 0), "without the role nothing comes on");
    let mut unlicensed = tenant(experience);
    unlicensed.services.clear();
    assert_eq!(acts::open_portal(&mut unlicensed, by(SECURITY)), (Navigation::Absent, vec![]));
}

/// *Unselect Turn on Microsoft Threat Protection and apply the changes. Corresponding features will be removed.* The switch
/// is gone since October 2020. *Support staff can help provision or deprovision the service.*
#[rstest]
#[case(WelcomePage, SECURITY, true)]
#[case(SettingsPage, SECURITY, true)]
#[case(DefenderPortal, SECURITY, false)]
#[case(DefenderPortal, Actor::Support, true)]
#[case(DefenderPortal, Actor::Broker, true)]
fn opting_out(#[case] experience: Experience, #[case] actor: Actor, #[case] allowed: bool) {
    let mut tenant = Tenant { experience, endpoint_region: Some(UK), ..consented() };
    turn_on(&mut tenant, SECURITY, None).unwrap();
    assert_eq!(tenant.features(), [Feature::Incidents, Feature::ActionCenter, Feature::AdvancedHunting]);
    let result = acts::opt_out(&mut tenant, by(actor));
    if !allowed {
        assert!(matches!(result, Err(Refusal::NoSuchSwitch { .. })), "{result:?}");
        return;
    }
    assert_eq!(effects(&result.unwrap()), [Effect::TurnedOff]);
    assert!(tenant.features().is_empty(), "the features go");
    assert_eq!((tenant.region, tenant.leftovers), (Some(UK), true), "data and region stay");
    assert_eq!(tenant.services, ALL.into(), "the services stay");
    assert_eq!(acts::opt_out(&mut tenant, by(actor)), Ok(vec![]), "twice is once");
    let back = turn_on(&mut tenant, Actor::Broker, Some(EU));
    assert_eq!(back, Err(Refusal::RegionMismatch { existing: UK, wished: EU }), "the region never moves");
}

#[test]
fn a_cleared_switch_outlasts_a_visit_but_there_is_no_switch_today() {
    for (experience, comes_back) in [(SettingsPage, false), (DefenderPortal, true)] {
        let mut tenant = tenant(experience);
        turn_on(&mut tenant, SECURITY, None).unwrap();
        acts::opt_out(&mut tenant, by(Actor::Support)).unwrap();
        acts::open_portal(&mut tenant, by(SECURITY));
        assert_eq!(tenant.is_on(), comes_back, "{experience}");
    }
}

#[rstest]
fn deprovisioning_frees_the_region(
    #[values(WelcomePage, SettingsPage, DefenderPortal)] experience: Experience,
    #[values(Actor::Support, Actor::Broker)] actor: Actor,
) {
    let mut tenant = Tenant { experience, ..consented() };
    turn_on(&mut tenant, Actor::Broker, Some(US)).unwrap();
    assert!(matches!(acts::deprovision(&mut tenant, by(SECURITY)), Err(Refusal::NoSuchSwitch { .. })));
    assert!(tenant.is_on());
    let changes = acts::deprovision(&mut tenant, by(actor)).unwrap();
    assert_eq!(effects(&changes), [Effect::Deprovisioned]);
    let untouched = Tenant { consent: None, switches: tenant.switches.clone(), ..Tenant { experience, ..consented() } };
    assert_eq!(tenant, untouched, "as if it had never been");
    assert_eq!(acts::deprovision(&mut tenant, by(actor)), Ok(vec![]));
    tenant.consent = Some(consent());
    turn_on(&mut tenant, Actor::Broker, Some(UK)).unwrap();
    assert_eq!(tenant.region, Some(UK), "another region is possible now");
}

#[test]
fn a_tenant_that_is_on_never_moves() {
    let mut tenant = tenant(DefenderPortal);
    turn_on(&mut tenant, Actor::Broker, Some(US)).unwrap();
    let before = tenant.clone();
    for actor in [SECURITY, Actor::Support, Actor::Broker] {
        assert_eq!(turn_on(&mut tenant, actor, None), Ok(vec![]));
        assert_eq!(turn_on(&mut tenant, actor, Some(US)), Ok(vec![]));
        let moved = turn_on(&mut tenant, actor, Some(UK));
        assert_eq!(moved, Err(Refusal::RegionMismatch { existing: US, wished: UK }));
    }
    assert_eq!(tenant, before);
}

/// 2020: Global administrator, up to 12 hours to take effect. Today: sign in to Defender for Cloud Apps once.
#[rstest]
#[case(WelcomePage, IdentityCloudApps, GlobalAdministrator, true)]
#[case(WelcomePage, IdentityCloudApps, SecurityAdministrator, false)]
#[case(SettingsPage, IdentityCloudApps, SecurityAdministrator, false)]
#[case(DefenderPortal, IdentityCloudApps, SecurityAdministrator, true)]
#[case(DefenderPortal, EndpointIntune, IntuneAdministrator, true)]
#[case(DefenderPortal, IdentityCloudApps, IntuneAdministrator, false)]
fn links(#[case] experience: Experience, #[case] link: IntegrationType, #[case] role: Role, #[case] allowed: bool) {
    let half_a_day = SignedDuration::from_hours(12);
    let scene = by(Actor::Person(RoleName(role)));
    let mut tenant = tenant(experience);
    let result = acts::set_link(&mut tenant, scene, link, LinkState::Linked, half_a_day);
    assert_eq!(result.is_ok(), allowed, "{result:?}");
    if allowed {
        assert_eq!(tenant.services, ALL.into(), "a link is not a licence");
        assert_eq!(tenant.links[&link].effective_at, Some("1970-01-01T12:00:00Z".parse().unwrap()));
        let again = acts::set_link(&mut tenant, scene, link, LinkState::Linked, half_a_day);
        assert_eq!(again, Ok(vec![]));
        let away = acts::set_link(&mut tenant, scene, link, LinkState::Unlinked, half_a_day).unwrap();
        assert_eq!(effects(&away), [Effect::Unlinked]);
        tenant.services.clear();
        let without = acts::set_link(&mut tenant, scene, link, LinkState::Linked, half_a_day);
        assert!(matches!(without, Err(Refusal::ServiceMissing { .. })), "{without:?}");
    }
}
