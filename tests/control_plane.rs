//! Is the control plane that the other tests stand on a real one, and does nothing of it stay behind?

mod support;

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use support::control_plane::process::{self, Process, RunDirectory, Signal};
use support::control_plane::{
    Access, AuditEntry, ControlPlane, ControlPlaneError, Credential, Options, assets, build, shared,
};
use support::proxy::Proxy;

type TestResult = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(30);

/// Set for the process that is started to be killed.
const VICTIM: &str = "CONTROL_PLANE_TEST_VICTIM";

#[tokio::test]
async fn a_definition_is_served_and_requests_about_it_are_audited() -> TestResult {
    let client = shared().client().await?;
    let probes = served_probes(&client).await?;
    let created = probes.create(&PostParams::default(), &probe("audited")).await?;
    assert_eq!(created.data.get("spec"), Some(&json!({ "size": 3 })), "the default of the definition is filled in");

    let entry = audited("the creation", |entry| entry.verb == "create" && entry.resource == "probes").await?;
    assert_eq!(
        (entry.user.as_str(), entry.group.as_str(), entry.namespace.as_str()),
        ("admin", "threatprotection.dev", "default"),
    );
    assert_eq!((entry.response_code, entry.stage.as_str()), (Some(201), "ResponseComplete"));
    assert!(entry.request_uri.starts_with("/apis/threatprotection.dev/v1/namespaces/default/probes"));
    Ok(())
}

#[tokio::test]
async fn kubectl_talks_to_it() -> TestResult {
    let output = shared().kubectl(&["version", "--output=json"]).await?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let versions: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    for side in ["clientVersion", "serverVersion"] {
        let version = versions.get(side).and_then(|version| version.get("gitVersion")).and_then(|text| text.as_str());
        assert!(version.is_some_and(|version| version.starts_with("v1.")), "{side} is {version:?}");
    }
    let manifest = r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "from-kubectl"}}"#;
    let output = shared().kubectl_with_input(&["apply", "--filename=-"], manifest).await?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "namespace/from-kubectl created\n");
    Ok(())
}

#[tokio::test]
async fn a_service_account_may_do_nothing_by_itself() -> TestResult {
    let client = shared().client().await?;
    namespace(&client, "accounts").await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client, "accounts");
    let account = serde_json::from_value(json!({ "metadata": { "name": "nobody" } }))?;
    accounts.create(&PostParams::default(), &account).await?;

    let token = shared().service_account_token("accounts", "nobody").await?;
    let access = Access { credential: Credential::Token(token), ..Access::default() };
    let refused = Api::<Namespace>::all(shared().client_for(&access).await?).list(&ListParams::default()).await;
    assert!(matches!(&refused, Err(kube::Error::Api(status)) if status.code == 403), "{refused:?}");

    let name = "system:serviceaccount:accounts:nobody";
    let entry = audited("the refusal", |entry| entry.user == name).await?;
    assert_eq!((entry.verb.as_str(), entry.resource.as_str(), entry.response_code), ("list", "namespaces", Some(403)));
    Ok(())
}

#[tokio::test]
async fn the_controllers_give_a_namespace_its_account() -> TestResult {
    shared().start_controllers()?;
    let client = shared().client().await?;
    namespace(&client, "controlled").await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(client, "controlled");
    until("the default account", async || accounts.get_opt("default").await.is_ok_and(|account| account.is_some()))
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_request_held_by_the_proxy_is_never_seen_by_the_server() -> TestResult {
    let proxy = Proxy::start(shared().server()).await?;
    let access = Access { server: Some(proxy.addr()), ..Access::default() };
    let namespaces: Api<Namespace> = Api::all(shared().client_for(&access).await?);
    let spaces = |name: &str| serde_json::from_value::<Namespace>(json!({ "metadata": { "name": name } }));
    namespaces.create(&PostParams::default(), &spaces("passed")?).await?;

    proxy.pause();
    let (nowhere, create) = (spaces("held")?, PostParams::default());
    tokio::select! {
        result = namespaces.create(&create, &nowhere) => return Err(format!("it went through: {result:?}").into()),
        () = proxy.reached() => {}
    }
    proxy.drop_held();
    assert!(namespaces.get_opt("held").await?.is_none(), "the request was discarded");
    assert!(namespaces.get_opt("passed").await?.is_some(), "new connections pass");

    proxy.pause_replies();
    let acted = spaces("acted")?;
    tokio::select! {
        result = namespaces.create(&create, &acted) => return Err(format!("it was answered: {result:?}").into()),
        () = proxy.reached() => {}
    }
    proxy.drop_held();
    assert!(namespaces.get_opt("acted").await?.is_some(), "the server acted before its answer was lost");
    Ok(())
}

#[tokio::test]
async fn a_request_held_by_the_proxy_arrives_later_even_if_its_sender_is_gone() -> TestResult {
    let server = TcpListener::bind("127.0.0.1:0").await?;
    let proxy = Proxy::start(server.local_addr()?).await?;
    proxy.pause();
    let mut sender = TcpStream::connect(proxy.addr()).await?;
    sender.write_all(b"a request").await?;
    let (mut receiver, _) = server.accept().await?;
    proxy.reached().await;
    drop(sender);
    assert!(receiver.try_read(&mut [0; 16]).is_err(), "nothing has come through");

    proxy.resume();
    let mut text = String::new();
    receiver.read_to_string(&mut text).await?;
    assert_eq!(text, "a request");
    Ok(())
}

#[tokio::test]
async fn it_keeps_its_data_over_a_restart_and_leaves_nothing_when_dropped() -> TestResult {
    let own = tokio::task::spawn_blocking(|| ControlPlane::start(Options::default())).await??;
    namespace(&own.client().await?, "kept").await?;
    let (before, etcd, server) = (own.apiserver_pid(), own.etcd_pid(), own.server());
    own.restart_apiserver().await?;
    assert!(!process::is_running(before) && own.apiserver_pid() != before);
    assert_eq!(own.server(), server);
    let namespaces: Api<Namespace> = Api::all(own.client().await?);
    assert!(namespaces.get_opt("kept").await?.is_some(), "etcd was not restarted");

    let (directory, after) = (own.directory().to_path_buf(), own.apiserver_pid());
    tokio::task::spawn_blocking(move || drop(own)).await?;
    assert!(!process::is_running(after) && !process::is_running(etcd));
    assert!(!directory.exists());
    Ok(())
}

/// Neither `Drop` nor a handler runs in a process that gets SIGKILL.
#[tokio::test]
async fn a_killed_process_leaves_nothing_behind() -> TestResult {
    let mut victim = Command::new(std::env::current_exe()?)
        .args(["--exact", "victim", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let told = BufReader::new(victim.stdout.take().ok_or("no output")?)
        .lines()
        .find_map(|line| line.ok()?.split_once("left: ").map(|(_, rest)| rest.to_owned()))
        .ok_or("the victim said nothing")?;
    let (directory, pids) = told.split_once(' ').ok_or("no process numbers")?;
    let directory = std::path::Path::new(directory);
    let pids = pids.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>()?;
    assert!(directory.exists() && pids.len() == 2 && pids.iter().all(|pid| process::is_running(*pid)));

    process::signal(victim.id(), Signal::Kill)?;
    victim.wait()?;
    until("the end of all it has started", async || !pids.iter().any(|pid| process::is_running(*pid))).await?;
    until("the removal of its directory", async || !directory.exists()).await?;
    Ok(())
}

#[test]
fn a_missing_or_old_go_is_told_with_both_ways_out() {
    assert_eq!(build::go_release("go version go1.26.8 linux/amd64"), Some((1, 26)));
    assert_eq!(build::go_release("go version go1.27rc1 darwin/arm64"), Some((1, 27)));
    assert_eq!(build::go_release("zsh: command not found: go"), None);
    let why = "the command `go` cannot be run".to_owned();
    let what = "control plane".to_owned();
    let message = ControlPlaneError::NoGo { what, why, otherwise: assets::MODULE.otherwise }.to_string();
    assert!(message.contains("1.26") && message.contains("KUBEBUILDER_ASSETS"), "{message}");
}

#[test]
fn the_build_says_which_release_it_builds() {
    assert!(assets::MODULE.release().is_some_and(|version| version.starts_with("v1.")));
}

/// A process with a child of its own, both deaf to all that can be ignored and writing to the directory.
///
/// It proves nothing by itself: `a_killed_process_leaves_nothing_behind` starts this very test again, and kills it.
#[test]
fn victim() -> TestResult {
    if std::env::var_os(VICTIM).is_none() {
        return Ok(());
    }
    let directory = RunDirectory::create("threat-protection-victim")?;
    let (pids, script) = (directory.path().join("pids"), "trap '' HUP INT TERM; sleep 600 & echo $$ $! >pids; wait");
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).current_dir(directory.path());
    let _process = Process::spawn(&shell, &directory.path().join("log"), Some(&directory))?;
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        match std::fs::read_to_string(&pids) {
            Ok(text) if text.ends_with('\n') => {
                writeln!(std::io::stdout(), "left: {} {}", directory.path().display(), text.trim_end())?;
                std::thread::sleep(PATIENCE);
            }
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    Ok(())
}

/// Defines a small kind in the group whose requests are audited, and waits until it is served.
async fn served_probes(client: &Client) -> Result<Api<DynamicObject>, Box<dyn Error>> {
    let definition: CustomResourceDefinition = serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "probes.threatprotection.dev" },
        "spec": {
            "group": "threatprotection.dev",
            "scope": "Namespaced",
            "names": { "plural": "probes", "singular": "probe", "kind": "Probe" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": {
                "type": "object",
                "properties": { "spec": { "type": "object", "properties": {
                    "size": { "type": "integer", "default": 3 },
                } } },
            } } }],
        },
    }))?;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = "probes.threatprotection.dev";
    definitions.patch(name, &PatchParams::apply("control-plane-test"), &Patch::Apply(&definition)).await?;
    let established = await_condition(definitions, name, conditions::is_crd_established());
    tokio::time::timeout(PATIENCE, established).await??;
    let api = Api::namespaced_with(client.clone(), "default", &probes());
    until("the new kind", async || api.list(&ListParams::default()).await.is_ok()).await?;
    Ok(api)
}

fn probes() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("threatprotection.dev", "v1", "Probe"), "probes")
}

fn probe(name: &str) -> DynamicObject {
    DynamicObject::new(name, &probes()).data(json!({ "spec": {} }))
}

async fn namespace(client: &Client, name: &str) -> TestResult {
    let namespace = serde_json::from_value(json!({ "metadata": { "name": name } }))?;
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await?;
    Ok(())
}

/// The first entry of the audit log that is `wanted`.
async fn audited(what: &str, wanted: impl Fn(&AuditEntry) -> bool) -> Result<AuditEntry, Box<dyn Error>> {
    let mut found = None;
    until(what, async || {
        found = shared().audit().ok().and_then(|entries| entries.into_iter().find(|entry| wanted(entry)));
        found.is_some()
    })
    .await?;
    found.ok_or_else(|| format!("{what} is not in the audit log").into())
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> TestResult {
    let started = Instant::now();
    while !is_so().await {
        if started.elapsed() > PATIENCE {
            return Err(format!("waited {} s for {what}", PATIENCE.as_secs()).into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
