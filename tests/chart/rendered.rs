//! What the chart renders, without a cluster.

use std::fs;
use std::path::Path;

use rstest::rstest;
use serde_json::{Value, json};
use threat_protection_operator::config::Config;
use threat_protection_operator::ops::telemetry::DEFAULT_FILTER;

use crate::helm::{CHART, HOME, RELEASE, cases, helm, object, objects, rendered, template};

/// Where the pods find the files of the chart.
const FILES: &str = "/etc/threat-protection-operator";
const CRD_NAME: &str = "threatprotectiontenants.threatprotection.dev";

fn committed(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn helm_finds_nothing_to_complain_about() {
    let home = tempfile::tempdir().unwrap();
    let output = helm(home.path(), None, &["lint", CHART, "--strict"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn each_case_is_rendered_as_committed() {
    let is_update = std::env::var_os("UPDATE").is_some() && std::env::var_os("CI").is_none();
    for case in cases() {
        let (file, text) = (case.join("rendered.yaml"), rendered(&case));
        if is_update {
            fs::write(&file, &text).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        assert!(text == expected, "{} is out of date: run UPDATE=1 cargo test --test chart", file.display());
    }
}

#[test]
fn the_definition_is_the_printed_one_and_stays() {
    let shipped = &objects(&committed("crds/threatprotectiontenants.yaml"))[0];
    let of_chart = |arguments: &[&str]| objects(&template(arguments).unwrap());
    let only = ["--show-only", "templates/crd.yaml"];
    let kept = of_chart(&only);
    assert_eq!((kept.len(), &kept[0]["spec"]), (1, &shipped["spec"]));
    assert_eq!(kept[0]["metadata"]["name"], shipped["metadata"]["name"]);
    assert_eq!(kept[0]["metadata"]["annotations"], json!({"helm.sh/resource-policy": "keep"}));
    let lost = of_chart(&[only[0], only[1], "--set", "crds.keep=false"]);
    assert_eq!(lost[0]["metadata"].get("annotations"), None);
    let none = of_chart(&["--set", "crds.install=false"]);
    assert!(none.iter().all(|object| object["kind"] != "CustomResourceDefinition"));
}

/// All rules of these objects, one resource and verb a line.
fn rights<'a>(roles: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let mut rights = Vec::new();
    for rule in roles.into_iter().flat_map(|role| role["rules"].as_array().unwrap()) {
        let texts = |field: &str| -> Vec<String> {
            rule[field].as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        for resource in texts("resources") {
            for verb in texts("verbs") {
                rights.push(format!("{verb} {:?} {resource} {:?}", texts("apiGroups"), texts("resourceNames")));
            }
        }
    }
    rights.sort();
    rights
}

#[test]
fn permissions_are_the_shipped_ones() {
    let shipped = objects(&committed("deploy/base/rbac.yaml"));
    let chart = objects(&template::<&str>(&[]).unwrap());
    for kind in ["ClusterRole", "Role"] {
        assert_eq!(object(&chart, kind, RELEASE)["rules"], object(&shipped, kind, RELEASE)["rules"], "{kind}");
    }
}

#[test]
fn permissions_for_one_namespace_are_the_shipped_ones_narrowed() {
    let shipped = objects(&committed("deploy/base/rbac.yaml"));
    let namespaced = ["--set", "watchNamespace=security"];
    let alone = objects(&template(&namespaced).unwrap());
    assert!(alone.iter().all(|object| !object["kind"].as_str().unwrap().starts_with("ClusterRole")));
    let reads = objects(&template(&[&namespaced[..], &["--set", "rbac.clusterReads=true"]].concat()).unwrap());
    let role = object(&alone, "Role", "threat-protection-operator-tenants");
    assert_eq!(role, object(&reads, "Role", "threat-protection-operator-tenants"));
    assert_eq!(role["metadata"]["namespace"], "security");
    assert_eq!(object(&alone, "Role", RELEASE)["metadata"]["namespace"], HOME);
    let own_id = r#"get [""] namespaces ["kube-system"]"#.to_owned();
    let of_cluster = rights([object(&reads, "ClusterRole", "threat-protection-operator-security")]);
    let definition = format!(r#"get ["apiextensions.k8s.io"] customresourcedefinitions ["{CRD_NAME}"]"#);
    assert_eq!(of_cluster, [own_id.clone(), definition]);
    let mut both = [rights([role]), of_cluster].concat();
    both.retain(|right| *right != own_id);
    both.sort();
    assert_eq!(both, rights([object(&shipped, "ClusterRole", RELEASE)]));
}

/// The data of the `ConfigMap` with the configuration.
fn config_map(objects: &[Value]) -> &Value {
    let is_config = |object: &&Value| object["kind"] == "ConfigMap" && object["data"].get("config.yaml").is_some();
    &objects.iter().find(is_config).unwrap()["data"]
}

#[test]
fn the_operator_accepts_each_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    for (file, text) in [
        ("broker/password", "secret"),
        ("ca/ca.crt", &certificate),
        ("metrics/tls.crt", &certificate),
        ("metrics/tls.key", &key),
        ("metrics/token", "token"),
    ] {
        let path = directory.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    for case in cases() {
        let all = objects(&rendered(&case));
        let text = config_map(&all)["config.yaml"].as_str().unwrap().to_owned();
        let here = text.replace(FILES, directory.path().to_str().unwrap());
        let config = Config::parse(&here, directory.path()).unwrap_or_else(|error| panic!("{case:?}: {error:?}"));
        let deployment = all.iter().find(|object| object["kind"] == "Deployment").unwrap();
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let port = |name: &str| {
            let mut ports = container["ports"].as_array().unwrap().iter();
            ports.find(|port| port["name"] == name).map(|port| port["containerPort"].clone())
        };
        assert_eq!(port("probes"), Some(json!(config.probes.port())), "{case:?}");
        assert_eq!(port("metrics"), config.metrics.map(|metrics| json!(metrics.listen.port())), "{case:?}");
        let mounts = container["volumeMounts"].as_array().unwrap();
        for named in text.split_whitespace().filter(|word| word.starts_with('/')) {
            let is_mounted = |mount: &Value| named.starts_with(&format!("{}/", mount["mountPath"].as_str().unwrap()));
            assert!(mounts.iter().any(is_mounted), "{case:?}: {named} is in no volume");
        }
    }
}

#[test]
fn what_is_logged_is_what_the_operator_logs_by_itself() {
    let all = objects(&template::<&str>(&[]).unwrap());
    assert_eq!(config_map(&all)["log-filter"], format!("{DEFAULT_FILTER}\n"));
}

#[test]
fn leader_election_and_its_role_are_about_the_same_lease() {
    let text = template(&["--set", "fullnameOverride=other"]).unwrap();
    let all = objects(&text);
    let config: Value = serde_yaml::from_str(config_map(&all)["config.yaml"].as_str().unwrap()).unwrap();
    assert_eq!(config["leaderElection"]["name"], "other");
    let names = rights([object(&all, "Role", "other")]);
    assert!(names.iter().any(|right| right == r#"update ["coordination.k8s.io"] leases ["other"]"#), "{names:?}");
}

#[test]
fn a_change_of_what_is_read_at_the_start_is_a_new_pod_and_no_other_change_is() {
    let pod = |arguments: &[&str]| {
        let all = objects(&template(arguments).unwrap());
        object(&all, "Deployment", RELEASE)["spec"]["template"].clone()
    };
    let before = pod(&[]);
    for change in ["config.leaderElection.leaseDurationSeconds=30", "watchNamespace=security"] {
        let annotation = |pod: &Value| pod["metadata"]["annotations"]["checksum/config"].clone();
        assert_ne!(annotation(&pod(&["--set", change])), annotation(&before), "{change}");
    }
    for change in [
        "config.timing.resyncMinimumSeconds=60",
        "config.tenancy[0].namespace=security,config.tenancy[0].tenantIds[0]=*",
        "log.filter=debug",
    ] {
        assert_eq!(pod(&["--set", change]), before, "{change}");
    }
}

/// Values that are refused, and words of the message: the value by its name, and what is wrong.
#[rstest]
#[case::unknown(&["--set", "replica=2"], &["replica", "not allowed"])]
#[case::unknown_deep_down(&["--set", "metrics.serviceMonitor.enable=true"], &["/metrics/serviceMonitor", "enable"])]
#[case::text_for_a_number(&["--set", "replicas=two"], &["/replicas", "want integer"])]
#[case::negative(&["--set", "replicas=-1"], &["/replicas", "minimum"])]
#[case::no_tenancy(&["--set", "config.tenancy=null"], &["/config", "tenancy"])]
#[case::tenancy_as_text(&["--set", "config.tenancy=all"], &["/config/tenancy", "want array"])]
#[case::tag_and_all(&["--set", "image.digest=latest"], &["/image/digest"])]
#[case::a_name_in_capitals(&["--set", "watchNamespace=Security"], &["/watchNamespace"])]
#[case::an_identity_that_does_not_exist(&["--set", "workloadIdentity.token=webhook"], &["/workloadIdentity/token"])]
#[case::a_stop_that_is_cut_off(&["--set", "terminationGracePeriodSeconds=5"], &["/terminationGracePeriodSeconds"])]
#[case::a_listener_without_port(&["--set", "config.probes.listen=localhost"], &["/config/probes/listen"])]
#[case::replicas_without_election(&["--set", "config.leaderElection.enabled=false"], &["replicas", "leader election"])]
#[case::two_monitors(
    &["--set", "metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true"],
    &["serviceMonitor or podMonitor"]
)]
#[case::a_monitor_of_nothing(
    &["--set", "metrics.serviceMonitor.enabled=true,metrics.service.enabled=false"],
    &["metrics.serviceMonitor needs metrics.service"]
)]
#[case::two_authorities(
    &["--set", "certificateAuthorities.existingSecret=a,certificateAuthorities.existingConfigMap=b"],
    &["certificateAuthorities", "not both"]
)]
#[case::a_namespace_behind_the_back(
    &["--set", "config.controller.watchNamespace=security"],
    &["config.controller.watchNamespace", "set watchNamespace instead"]
)]
#[case::a_cluster_without_a_name(
    &["--set", "watchNamespace=security,config.broker.url=https://broker.example.com"],
    &["config.broker.clusterId is needed", "rbac.clusterReads"]
)]
#[case::nobodys_account(&["--set", "serviceAccount.create=false"], &["serviceAccount.name is needed"])]
#[case::an_old_cluster(&["--kube-version", "1.32.9"], &["kubeVersion", "1.33"])]
fn wrong_values_are_refused_by_name(#[case] arguments: &[&str], #[case] says: &[&str]) {
    let refusal = template(arguments).unwrap_err();
    for words in says {
        assert!(refusal.contains(words), "{words:?} is not in: {refusal}");
    }
}
