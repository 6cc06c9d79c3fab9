//! Does the operator follow its configuration while it runs? Nobody restarts it and nobody touches a resource; who was
//! asked is judged by the simulator's request log.
#![expect(clippy::float_cmp, clippy::cast_precision_loss, reason = "the numbers are whole and small")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use crate::broker_access::{probe, probes, until_ready};
use crate::judges::{answered, assert_not_asked, clock, held, seed, until, verdict, version};
use crate::support::stage::{Configuration, Operator, Stage};
use crate::watched::{lines, series, sum};
use crate::{OTHER, TENANT};

const IN_FORCE: &str = "the configuration has changed and is in force";
const NOT_USABLE: &str = "the configuration is not usable; the one before it stays in force";

/// A configuration that lets the namespace of the stage manage these tenants, and looks again by itself in an hour only.
fn mapping(stage: &Stage, tenants: &[(&str, bool)]) -> Configuration {
    let mut configuration = stage.configuration();
    let entry = |(tenant, allow): &(&str, bool)| {
        format!("{{ namespace: {}, tenantIds: [{tenant}], allowDeprovision: {allow} }}", stage.namespace)
    };
    configuration.tenancy = tenants.iter().map(entry).collect();
    ["slowProbeSeconds", "resyncMinimumSeconds", "resyncMaximumSeconds"]
        .into_iter()
        .fold(configuration, |configuration, name| configuration.with_timing(name, 3600))
}

/// The same, looking again every second or two.
fn often(configuration: Configuration) -> Configuration {
    let configuration = configuration.with_timing("slowProbeSeconds", 2);
    ["resyncMinimumSeconds", "resyncMaximumSeconds"]
        .into_iter()
        .fold(configuration, |configuration, name| configuration.with_timing(name, 1))
}

fn put(stage: &Stage, text: &str) {
    fs::write(stage.directory().join("operator.yaml"), text).unwrap();
}

/// Waits until the operator has said so many times what it says of each configuration that is taken over.
async fn until_in_force(operator: &Operator, times: usize) {
    until("the configuration is in force", async || lines(operator, IN_FORCE).len() >= times).await;
}

async fn until_not_allowed(stage: &Stage, name: &str) -> Value {
    stage.until(name, "not allowed", |resource| verdict(resource, "Ready").1 == "TenantNotAllowed").await
}

async fn metric(address: &str, name: &str, labels: &[&str]) -> f64 {
    sum(&series(&probe(address, "/metrics").await.1), name, labels)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_comes_is_enough_and_one_that_goes_ends_every_call() {
    let stage = Stage::open("mapping").await;
    seed(&stage, TENANT).await;
    let operator = stage.operator(&mapping(&stage, &[(OTHER, false)])).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "US"}})).await.unwrap();
    until_not_allowed(&stage, "contoso").await;
    assert!(stage.simulator.requests(Some(TENANT), 0).await.unwrap().is_empty());

    put(&stage, &mapping(&stage, &[(OTHER, false), (TENANT, false)]).render());
    let ready = stage.until_current("contoso").await;
    assert_eq!(ready["metadata"]["generation"], 1, "nobody touched it");
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded", "instanceCreated", "turnedOn"]);
    assert_eq!(lines(&operator, IN_FORCE)[0]["parts"], "tenancy");

    put(&stage, &often(mapping(&stage, &[(OTHER, false)])).render());
    until_not_allowed(&stage, "contoso").await;
    assert_eq!(lines(&operator, IN_FORCE)[1]["parts"], "tenancy, timing");
    // The clock goes by the new times.
    clock(&stage).await;
    assert_not_asked(&stage, TENANT).await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap().len(), 3, "what is on stays on");
}

#[tokio::test(flavor = "multi_thread")]
async fn leave_to_deprovision_is_given_and_withdrawn() {
    let stage = Stage::open("leave").await;
    for tenant in [TENANT, OTHER] {
        seed(&stage, tenant).await;
    }
    let operator = stage.operator(&mapping(&stage, &[(TENANT, false), (OTHER, true)])).await;
    let declared = |tenant: &str, gone: bool| {
        if gone {
            json!({"tenantId": tenant, "desiredState": "Deprovisioned", "deprovisionConfirmation": tenant})
        } else {
            json!({"tenantId": tenant})
        }
    };
    for (name, tenant) in [("contoso", TENANT), ("fabrikam", OTHER)] {
        stage.apply(name, declared(tenant, false)).await.unwrap();
        stage.until_current(name).await;
    }
    stage.apply("contoso", declared(TENANT, true)).await.unwrap();
    let asked = |resource: &Value| {
        resource["status"]["observedGeneration"] == 2 && verdict(resource, "Stalled") == ("True", "ActionRequired")
    };
    stage.until("contoso", "asked of support", asked).await;
    assert_eq!(stage.simulator.count(TENANT, "DELETE").await.unwrap(), 0);

    put(&stage, &mapping(&stage, &[(TENANT, true), (OTHER, false)]).render());
    stage.until_ready("contoso", "True", "Deprovisioned").await;
    assert_eq!(stage.simulator.count(TENANT, "DELETE").await.unwrap(), 1);

    until_in_force(&operator, 1).await;
    stage.apply("fabrikam", declared(OTHER, true)).await.unwrap();
    stage.until("fabrikam", "asked of support", asked).await;
    assert_eq!(stage.simulator.count(OTHER, "DELETE").await.unwrap(), 0);
}

/// A mapping of the tenant, with time for a request that is held, and the one that takes it back.
fn withdrawal(stage: &Stage) -> (Configuration, Configuration) {
    let mut allowed = mapping(stage, &[(TENANT, false)]);
    allowed.request_timeout = 60;
    let mut withdrawn = allowed.clone();
    withdrawn.tenancy = vec![format!("{{ namespace: {}, tenantIds: [{OTHER}] }}", stage.namespace)];
    (allowed, withdrawn)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_goes_while_a_pass_is_under_way_ends_it_before_its_step() {
    let stage = Stage::open("withdrawn").await;
    seed(&stage, TENANT).await;
    let (allowed, withdrawn) = withdrawal(&stage);
    let hold = stage.simulator.hold(json!({"endpoint": "fetch"}), "acted").await.unwrap();
    let operator = stage.operator(&allowed).await;
    let address = probes(&operator).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "US"}})).await.unwrap();
    held(&stage, hold).await;
    put(&stage, &withdrawn.render());
    until_in_force(&operator, 1).await;
    stage.simulator.release(hold, "proceed").await.unwrap();
    until_not_allowed(&stage, "contoso").await;
    assert_eq!(stage.simulator.effects(TENANT).await.unwrap(), ["seeded"]);
    assert_eq!(stage.simulator.count(TENANT, "PUT").await.unwrap(), 0);
    assert_eq!(metric(&address, "reconciles_total", &["result=\"reconfigured\""]).await, 1.0);
}

/// Nothing else would look at the resource again for an hour.
#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_ends_by_the_old_word_is_followed_by_one_by_the_new() {
    let stage = Stage::open("overtaken").await;
    seed(&stage, TENANT).await;
    let (allowed, withdrawn) = withdrawal(&stage);
    let hold = stage.simulator.hold(json!({"endpoint": "fetch"}), "acted").await.unwrap();
    let operator = stage.operator(&allowed).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "managementPolicy": "Observe"})).await.unwrap();
    held(&stage, hold).await;
    put(&stage, &withdrawn.render());
    until_in_force(&operator, 1).await;
    stage.simulator.release(hold, "proceed").await.unwrap();
    until_not_allowed(&stage, "contoso").await;
    let verdicts = lines(&operator, "new verdict");
    let reasons: Vec<_> = verdicts.iter().map(|line| line["reason"].as_str().unwrap_or_default()).collect();
    assert_eq!(reasons, ["ObserveOnly", "TenantNotAllowed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_usable_changes_nothing_and_is_told_until_a_good_one_comes() {
    let stage = Stage::open("unusable").await;
    seed(&stage, TENANT).await;
    let configuration = often(mapping(&stage, &[(TENANT, false), (OTHER, false)]));
    let operator = stage.operator(&configuration).await;
    let address = probes(&operator).await;
    assert!(until_ready(&address).await.contains("configuration: as in the file"));
    clock(&stage).await;
    let (good, file) = (configuration.render(), stage.directory().join("operator.yaml"));
    let rejected = async |times: usize| {
        until("it is told", async || lines(&operator, NOT_USABLE).len() >= times).await;
        assert_eq!(lines(&operator, NOT_USABLE).len(), times, "{:#?}", lines(&operator, NOT_USABLE));
        let (status, body) = probe(&address, "/readyz").await;
        assert!(status == 200 && body.contains("configuration: the file is not usable ("), "{status} {body}");
        assert_eq!(metric(&address, "config_last_reload_success", &[]).await, 0.0);
        assert_eq!(metric(&address, "config_reloads_total", &["result=\"rejected\""]).await, times as f64);
    };

    let wrong = good.replace("concurrency: 16", "concurrency: 0").replace("slowProbeSeconds: 2", "slowProbeSeconds: 0");
    put(&stage, &wrong);
    rejected(1).await;
    let line = &lines(&operator, NOT_USABLE)[0];
    let problems = line["problems"].as_str().unwrap();
    assert_eq!(line["level"], "ERROR");
    for part in ["2 problems", "\n- timing.slowProbeSeconds: 0 is out of bounds", "\n- controller.concurrency: 0"] {
        assert!(problems.contains(part), "{problems}");
    }
    assert!(probe(&address, "/readyz").await.1.contains("(timing.slowProbeSeconds, controller.concurrency)"));

    // The same once more is nothing new; one that is cut in the middle is.
    put(&stage, &wrong);
    put(&stage, good.split_at(good.find("password").unwrap()).0);
    rejected(2).await;
    put(&stage, "");
    rejected(3).await;
    fs::remove_file(&file).unwrap();
    rejected(4).await;
    fs::create_dir(&file).unwrap();
    rejected(5).await;
    assert!(lines(&operator, IN_FORCE).is_empty());
    // All the while the old one is in force.
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    stage.until_current("contoso").await;

    fs::remove_dir(&file).unwrap();
    put(&stage, &good);
    until("it is healed", async || metric(&address, "config_last_reload_success", &[]).await == 1.0).await;
    assert!(probe(&address, "/readyz").await.1.contains("configuration: as in the file"));
    assert_eq!(metric(&address, "config_reloads_total", &["result=\"unchanged\""]).await, 1.0);
    assert_eq!(lines(&operator, NOT_USABLE).len(), 5);
    let secret = fs::read_to_string(&stage.announcement.password_file).unwrap();
    assert!(!operator.log().contains(secret.trim()));
}

/// A volume as the kubelet mounts it: the file is a link through `..data`, which is replaced as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_mounted_volume_is_followed() {
    let stage = Stage::open("volume").await;
    seed(&stage, TENANT).await;
    let (before, after) = (mapping(&stage, &[(OTHER, false)]), mapping(&stage, &[(TENANT, false)]));
    let directory = stage.directory();
    publish(directory, "..2026_1", &before.render());
    symlink("..data/operator.yaml", directory.join("operator.yaml")).unwrap();
    let operator = stage.operator(&before).await;
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    until_not_allowed(&stage, "contoso").await;
    publish(directory, "..2026_2", &after.render());
    fs::remove_dir_all(directory.join("..2026_1")).unwrap();
    stage.until_current("contoso").await;
    assert!(lines(&operator, NOT_USABLE).is_empty());
}

fn publish(directory: &Path, version: &str, text: &str) {
    fs::create_dir(directory.join(version)).unwrap();
    fs::write(directory.join(version).join("operator.yaml"), text).unwrap();
    symlink(version, directory.join("..data_tmp")).unwrap();
    fs::rename(directory.join("..data_tmp"), directory.join("..data")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_password_is_taken_over_and_what_needs_a_restart_is_named() {
    let stage = Stage::open("rotated").await;
    seed(&stage, TENANT).await;
    let right = fs::read_to_string(&stage.announcement.password_file).unwrap();
    let file = stage.directory().join("own-password");
    fs::write(&file, "yesterday's").unwrap();
    let mut configuration = mapping(&stage, &[(TENANT, false)]);
    if let Some(broker) = &mut configuration.broker {
        broker.password_file.clone_from(&file);
    }
    // Who is refused is not asked again before long.
    let configuration = ["retryInitialSeconds", "retryMaximumSeconds"]
        .into_iter()
        .fold(configuration, |configuration, name| configuration.with_timing(name, 3600));
    let operator = stage.operator(&configuration).await;
    let address = probes(&operator).await;
    stage.apply("contoso", json!({"tenantId": TENANT})).await.unwrap();
    stage.until("contoso", "refused", |resource| verdict(resource, "Ready").1 == "ProviderUnavailable").await;
    fs::write(&file, right).unwrap();
    stage.until_current("contoso").await;
    assert_eq!(lines(&operator, IN_FORCE)[0]["parts"], "broker");
    assert!(probe(&address, "/readyz").await.1.contains("broker: ok"));
    assert_eq!(
        answered(&stage.simulator, TENANT, "PUT", 201).await + answered(&stage.simulator, TENANT, "PUT", 202).await,
        1
    );

    let version = version(&stage, "contoso").await;
    let moved = often(configuration.clone()).render().replace("listen: 127.0.0.1:0", "listen: 127.0.0.1:1");
    put(&stage, &moved);
    until_in_force(&operator, 2).await;
    until("the restart is asked for", async || {
        metric(&address, "config_restart_needed", &["part=\"probes\""]).await == 1.0
    })
    .await;
    assert_eq!(metric(&address, "config_restart_needed", &[]).await, 1.0);
    let (status, body) = probe(&address, "/readyz").await;
    assert!(status == 200 && body.contains("as in the file; a restart is needed for probes"), "{status} {body}");
    let told = lines(&operator, "these parts of the configuration have changed and need a restart of the operator");
    assert_eq!(told.iter().map(|line| &line["parts"]).collect::<Vec<_>>(), ["probes"]);
    assert_eq!(lines(&operator, IN_FORCE)[1]["parts"], "timing", "the rest is taken over");

    put(&stage, &often(configuration).render());
    until("the restart is not needed any more", async || metric(&address, "config_restart_needed", &[]).await == 0.0)
        .await;
    assert_eq!(crate::judges::version(&stage, "contoso").await, version, "none of this writes to a resource");
}
