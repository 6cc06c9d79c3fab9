//! Plans without a cluster, and files that nobody should have written.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

const RESOURCE: &str = r#"
apiVersion: threatprotection.dev/v1alpha1
kind: ThreatProtectionTenant
metadata:
  name: contoso
  namespace: security
  annotations: { threatprotection.dev/reconcile-requested-at: now }
  finalizers: [threatprotection.dev/deprovision]
spec:
  tenantId: 8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11
  desiredState: Enabled
  dataLocation: { region: EU }
  deletionPolicy: Deprovision
  resyncSeconds: 300
  credentials:
    type: ClientSecret
    clientSecret: { clientId: 4f0c1d2e-5a53-4c8e-9c3e-0d6f3a1c7b11, secretRef: { name: reader, key: secret } }
  integrations:
    - { name: identity-data, type: IdentityCloudApps }
  attestations:
    - { name: on, claim: ServiceOn, attestedBy: Ada, attestTime: "2026-06-01T08:00:00Z", expireTime: "2026-12-01T08:00:00Z" }
status:
  observedGeneration: 1
  conditions:
    - { type: Ready, status: "True", reason: Enabled, message: on, lastTransitionTime: "2026-06-01T08:00:00Z", observedGeneration: 1 }
  dataLocation: { region: EU, source: Claimed, pinTime: "2026-06-01T08:00:00Z" }
  operation:
    step: Enable
    id: 0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d
    parameters: { state: Enabled }
    startTime: "2026-06-15T11:00:00Z"
    acceptTime: "2026-06-15T11:00:00Z"
    deadlineTime: "2026-06-15T13:00:00Z"
"#;

const SHORT: &str = "{ apiVersion: threatprotection.dev/v1alpha1, kind: ThreatProtectionTenant, metadata: { name: contoso }, spec: { tenantId: 8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11 } }";

const WORLD: &str = r"
now: 2026-06-15T12:00:00Z
administrator: { allowed: true, allowDeprovision: true, claimGraceSeconds: 3600, maximumPollingSeconds: 3600 }
anotherResource: None
failingSince: 2026-06-15T08:00:00Z
refusedAt: 2026-06-15T08:00:00Z
broker:
  retrievable: true
  instance: { state: Enabled, region: EU, integrations: { IdentityCloudApps: Linked } }
  operation: { state: in progress, retryAfterSeconds: 10 }
  maximumPollingSeconds: 600
  failure: { class: Throttled, until: 2026-06-15T12:01:00Z }
microsoft:
  signIn: Granted
  organization: { displayName: Contoso, countryLetterCode: NL, verifiedDomains: [{ name: contoso.com, isDefault: true }] }
  subscribedSkus:
    - { skuPartNumber: X, skuId: 06EBC4EE-1BB5-47DD-8120-11324BC54E06, capabilityStatus: Warning, servicePlans: [{ servicePlanId: bf28f719-7844-4079-9c78-c1307898e192 }] }
  roleAssignments: { SecurityAdministrator: { assigned: [{ principal: Group, members: 3 }], eligible: NoPremiumLicence } }
  hunting: { status: 200, tables: [Endpoint] }
  incidents: { unknown: NotAsked }
  newestRows: { Endpoint: 2026-06-15T11:00:00Z }
  links: { identity-data: { partnerState: enabled } }
";

fn noon() -> Timestamp {
    "2026-06-15T12:00:00Z".parse().unwrap()
}

fn told(resource: &str, world: &str) -> Forecast {
    offline(resource, world, None, noon()).unwrap().remove(0)
}

#[rstest]
#[case::unreadable(SHORT, "broker: { failure: { class: Throttled } }", Exit::Failed, "Throttled")]
#[case::refused(SHORT, "broker: { failure: { class: Invalid } }", Exit::Failed, "ProviderRejected")]
#[case::to_be_done(SHORT, "broker: {}", Exit::Pending, "Enabling")]
#[case::handed_over(SHORT, "", Exit::Pending, "ActionRequired")]
#[case::done(SHORT, "broker: { instance: { state: Enabled } }", Exit::Settled, "Enabled")]
#[case::attested_meanwhile(RESOURCE, WORLD, Exit::Settled, "Enabled")]
#[case::nobody_may(RESOURCE, "administrator: { allowed: false }", Exit::Failed, "TenantNotAllowed")]
#[case::older(RESOURCE, "anotherResource: Older", Exit::Failed, "DuplicateTenant")]
fn what_blocks_is_told_from_what_waits(
    #[case] resource: &str,
    #[case] world: &str,
    #[case] exit: Exit,
    #[case] reason: &str,
) {
    let forecast = told(resource, world);
    let text = text(std::slice::from_ref(&forecast));
    assert_eq!((forecast.exit(), forecast.condition("Ready").map(|ready| ready.1)), (exit, Some(reason)), "{text}");
}

#[test]
fn a_broker_that_could_not_be_read_is_mentioned_although_nothing_waits_for_it() {
    let printed = text(&[told(RESOURCE, WORLD)]);
    assert!(
        printed.contains("  note      the broker could not be read: the service broker: it asks to wait"),
        "{printed}"
    );
}

#[test]
fn a_changed_manifest_is_a_new_generation_and_several_are_planned_in_one_world() {
    let second = RESOURCE.replace("name: contoso", "name: fabrikam").replace("state: Enabled", "state: Disabled");
    let both = format!("{RESOURCE}---{second}---\n");
    let forecasts = offline(&both, "broker: {}", None, noon()).unwrap();
    assert_eq!(forecasts.iter().map(|one| one.situation.subject.generation).collect::<Vec<_>>(), [2, 2]);
    assert!(text(&forecasts).contains("\n2 resources. Exit "));
    let document: serde_json::Value = serde_json::from_str(&json(&forecasts).unwrap()).unwrap();
    assert_eq!(document.pointer("/plans/1/resource/name").unwrap(), "fabrikam");
}

#[test]
fn a_broker_that_may_not_be_asked_tells_nothing() {
    let forecast = told(RESOURCE, "administrator: { allowed: false }\nbroker: { instance: { state: Enabled } }");
    assert_eq!(forecast.situation.observed.instance, Observed::nothing().instance);
    let suspended = RESOURCE.replace("  deletionPolicy: Deprovision\n", "  managementPolicy: Suspend\n");
    let forecast = told(&suspended, WORLD);
    assert_eq!(forecast.situation.observed, Observed::nothing());
    assert_eq!(
        (forecast.exit(), forecast.summary().as_str()),
        (Exit::Settled, "Nothing to do: managementPolicy is Suspend.")
    );
}

#[test]
fn what_is_being_deleted_is_planned_although_its_spec_is_not_valid() {
    let deleted = RESOURCE
        .replace("  namespace: security\n", "  namespace: security\n  deletionTimestamp: \"2026-06-15T11:00:00Z\"\n")
        .replace("resyncSeconds: 300", "resyncSeconds: often");
    assert_eq!(
        told(&deleted, "broker: {}").first_waiting().map(|first| first.reason.name()),
        Some("DeprovisionNotDeclared")
    );
    let released = deleted.replace("deletionPolicy: Deprovision", "deletionPolicy: Retain");
    let printed = text(&[told(&released, "broker: {}")]);
    assert!(printed.contains("the finalizer is removed: deletionPolicy is Retain"), "{printed}");
}

#[test]
fn no_line_is_longer_than_100_columns_unless_it_is_a_link() {
    let printed = text(&[told(RESOURCE, "now: 2026-06-15T12:00:00Z")]);
    let long: Vec<_> =
        printed.lines().filter(|line| line.chars().count() > 100 && !line.contains("https://")).collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// A stored resource whose only reading is gone, so that the verdict stands.
fn standing(ready: &str, other: &str) -> String {
    let at = "lastTransitionTime: \"2026-06-01T08:00:00Z\", observedGeneration: 1";
    let conditions = format!(
        "    - {{ type: Ready, {ready}, message: so it was, {at} }}\n    - {{ type: {other}, message: so it was, {at} }}\n"
    );
    let short = "apiVersion: threatprotection.dev/v1alpha1\nkind: ThreatProtectionTenant\nmetadata: { name: contoso, generation: 1 }\nspec: { tenantId: 8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11 }\n";
    format!("{short}status:\n  observedGeneration: 1\n  conditions:\n{conditions}")
}

#[rstest]
#[case::ready(
    "status: \"True\", reason: Enabled",
    "ServiceOn, status: \"True\", reason: Met",
    Exit::Settled,
    "Nothing to do."
)]
#[case::stalled(
    "status: \"False\", reason: OperationFailed",
    "Stalled, status: \"True\", reason: OperationFailed",
    Exit::Failed,
    "The last verdict stands: OperationFailed."
)]
#[case::handed_over(
    "status: \"False\", reason: ActionRequired",
    "Stalled, status: \"True\", reason: ActionRequired",
    Exit::Pending,
    "The last verdict stands: ActionRequired."
)]
#[case::observed(
    "status: \"False\", reason: ObserveOnly",
    "Stalled, status: \"True\", reason: ObserveOnly",
    Exit::Pending,
    "The last verdict stands: ObserveOnly."
)]
#[case::under_way(
    "status: \"False\", reason: Enabling",
    "Reconciling, status: \"True\", reason: Enabling",
    Exit::Pending,
    "The last verdict stands: Enabling."
)]
fn a_verdict_that_stands_counts_again(
    #[case] ready: &str,
    #[case] other: &str,
    #[case] exit: Exit,
    #[case] summary: &str,
) {
    let mut forecast = told(&standing(ready, other), "{}");
    forecast.status = forecast.situation.memory.status().clone();
    forecast.plan = crate::plan::planned::Plan { verdict_stands: true, ..Default::default() };
    assert_eq!((forecast.exit(), forecast.summary().as_str()), (exit, summary));
    forecast.situation.observed.failure =
        told(SHORT, "broker: { failure: { class: Transient } }").situation.observed.failure;
    assert!(forecast.situation.observed.failure.is_some());
    assert_eq!(
        (forecast.exit(), forecast.summary().as_str()),
        (Exit::Failed, "The tenant could not be read; the last verdict stands.")
    );
}

#[test]
fn what_has_been_failing_has_been_failing_for_every_link_too() {
    let recent = told(RESOURCE, WORLD).situation.recent;
    assert_eq!(recent.unread_links_since.get("identity-data"), recent.failing_since.as_ref());
    assert!(recent.failing_since.is_some());
    assert!(told(RESOURCE, "{}").situation.recent.unread_links_since.is_empty());
}

#[rstest]
#[case::escape("\\e[2J\\a")]
#[case::line("\\n1. Enable: forged")]
#[case::direction("\\u202e")]
fn nothing_in_the_files_reaches_the_terminal_but_text(#[case] bad: &str) {
    let world = format!("broker: {{ failure: {{ class: Invalid, message: \"it is {bad} so\" }} }}");
    let resource = RESOURCE.replace("name: identity-data", &format!("name: \"identity{bad}\""));
    for resource in [resource.as_str(), SHORT] {
        let printed = match offline(resource, &world, None, noon()) {
            Ok(forecasts) => text(&forecasts),
            Err(error) => error.to_string(),
        };
        assert!(resource != SHORT || printed.contains("it is "), "{printed}");
        assert!(!printed.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{printed:?}");
        assert!(!printed.lines().any(|line| line.trim_start().starts_with("1. Enable: forged")), "{printed}");
    }
}

#[rstest]
#[case::escape("\"x\\e[2J\"", "security", "metadata.name is \"x\\u{1b}[2J\"")]
#[case::line("\"x\\nExit 0.\"", "security", "DNS subdomain")]
#[case::capitals("Contoso", "security", "DNS subdomain")]
#[case::namespace("contoso", "\"a.b\"", "DNS label")]
#[case::bell("contoso", "\"a\\a\"", "metadata.namespace is \"a\\u{7}\"")]
fn names_are_names(#[case] name: &str, #[case] namespace: &str, #[case] words: &str) {
    let resource = SHORT.replace("{ name: contoso }", &format!("{{ name: {name}, namespace: {namespace} }}"));
    let error = offline(&resource, "{}", None, noon()).unwrap_err().to_string();
    assert!(error.contains(words) && !error.chars().any(char::is_control), "{error:?}");
    assert!(offline(SHORT, "{}", Some("Not Good"), noon()).is_err());
    assert!(offline(&SHORT.replace("contoso", "contoso.com"), "{}", Some("security"), noon()).is_ok());
}

#[test]
fn a_mark_of_the_byte_order_is_no_text() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("\u{feff}{SHORT}")).unwrap();
    assert_eq!(read(file.path()).unwrap(), SHORT);
}

#[rstest]
#[case::nothing("")]
#[case::comment("# to be written\n")]
#[case::marks("---\n# later\n...\n")]
#[case::null("null\n")]
#[case::tilde("--- ~\n")]
fn a_world_of_which_nothing_is_said_is_empty_and_says_so(#[case] world: &str) {
    let note = "nothing stands in the world file";
    let forecast = told(SHORT, world);
    assert!(forecast.notes.iter().any(|said| said.starts_with(note)), "{:?}", forecast.notes);
    assert_eq!(forecast.exit(), told(SHORT, "{}").exit());
    assert!(!told(SHORT, "{}").notes.iter().any(|said| said.starts_with(note)));
}

#[test]
fn no_error_says_the_same_twice() {
    let whole = |error: PlanError| format!("{:#}", anyhow::Error::from(error));
    for error in [
        offline("", "", None, noon()).unwrap_err(),
        offline(SHORT, "nonsense: 1", None, noon()).unwrap_err(),
        read(Path::new("/nowhere.yaml")).unwrap_err(),
        OnlineError::from(ReconcileError::Gone).into(),
        ReconcileError::Gone.into(),
    ] {
        let said = error.to_string();
        assert_eq!(whole(error), said);
    }
}

/// Other texts that somebody might put where a value stands.
const VALUES: [&str; 16] = [
    "~",
    "\"\"",
    "0",
    "-1",
    "99999999999999999999",
    "1.5",
    ".nan",
    "true",
    "[]",
    "{}",
    "\"9999-12-31T23:59:59Z\"",
    "\"-009999-01-01T00:00:00Z\"",
    "\"2026-13-45\"",
    "{ unknown: ReadFailed }",
    "!tag x",
    "*alias",
];

/// Replaces the value, or the whole, of one line, or takes it out.
fn mutated(text: &str, line: usize, value: usize, how: u8) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let chosen = line % lines.len();
    let other = VALUES[value % VALUES.len()];
    let mut result = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match (index == chosen, how) {
            (false, _) => result.push((*line).to_owned()),
            (true, 0) => {}
            (true, 1) => result.push(format!("{line}\n{line}")),
            (true, 2) => result.push(line.replacen(": ", &format!(": {other} "), 1)),
            (true, 3) => {
                result.push(line.split_once(": ").map_or(other.to_owned(), |(key, _)| format!("{key}: {other}")));
            }
            (true, _) => {
                let at = value % (line.chars().count() + 1);
                result.push(line.chars().take(at).chain(other.chars()).chain(line.chars().skip(at)).collect());
            }
        }
    }
    result.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Whatever stands in the files: a plan or an error that says something, and never a panic.
    #[test]
    fn no_file_makes_it_panic(edits in prop::collection::vec((any::<bool>(), 0_usize..64, 0_usize..64, 0_u8..5), 1..4)) {
        let (mut resource, mut world) = (RESOURCE.to_owned(), WORLD.to_owned());
        for (is_world, line, value, how) in edits {
            let text = if is_world { &mut world } else { &mut resource };
            *text = mutated(text, line, value, how);
        }
        match offline(&resource, &world, None, noon()) {
            Ok(forecasts) => {
                prop_assert!(text(&forecasts).contains("Exit "));
                prop_assert!(json(&forecasts).is_ok());
            }
            Err(error) => prop_assert!(error.to_string().len() > 20, "{}", error),
        }
    }
}
