//! `--keep`: how to reach what is left running.

use crate::cast::{BROKERED, MANUAL};
use crate::cluster::Cluster;
use crate::screen::Tone;
use crate::stage::Stage;
use crate::support::control_plane::assets::{Tool, locate};

/// One order for each act of the control port, and what it does.
const ORDERS: [(&str, &str, &str); 9] = [
    ("fabrikam", r#"{"act": "optOut", "as": "SecurityAdministrator"}"#, "in Settings; a second time within a day"),
    ("fabrikam", r#"{"act": "turnOn", "as": "SecurityAdministrator"}"#, "in Settings"),
    ("woodgrove", r#"{"act": "openPortal", "as": "SecurityAdministrator"}"#, "which today turns it on"),
    ("woodgrove", r#"{"act": "supportOptOut"}"#, "support turns it off again"),
    (
        "litware",
        r#"{"act": "setLink", "type": "IdentityCloudApps", "state": "Unlinked", "as": "SecurityAdministrator"}"#,
        "is set back",
    ),
    ("litware", r#"{"act": "supportDeprovision"}"#, "support removes it"),
    ("northwind", r#"{"act": "supportProvision", "region": "UK"}"#, "support turns it on again"),
    (
        "adventure_works",
        r#"{"act": "chooseRegion", "region": "EU", "as": "SecurityAdministrator"}"#,
        "on the welcome page",
    ),
    (
        "adventure_works",
        r#"{"act": "consent", "grantedBy": "me", "grantedOn": "2020-03-16", "as": "SecurityAdministrator"}"#,
        "there too",
    ),
];

/// Says how to reach the cluster and the simulated tenants.
pub(crate) async fn explain(stage: &mut Stage, cluster: &Cluster) -> anyhow::Result<()> {
    stage.screen.heading("Still running", "Ctrl-C ends everything and leaves nothing behind. In another terminal:");
    let (brokered, manual) = (cluster.namespace(BROKERED), cluster.namespace(MANUAL));
    let mut lines = vec![String::new(), format!("export KUBECONFIG={}", cluster.kubeconfig.display())];
    if !cluster.is_borrowed() && !is_installed("kubectl") {
        let [kubectl] = tokio::task::spawn_blocking(|| locate([Tool::Kubectl])).await??;
        lines.push(format!("alias kubectl={}", kubectl.display()));
    }
    lines.extend([
        "kubectl get tpt -A -o wide".to_owned(),
        format!("kubectl -n {brokered} describe tpt contoso"),
        format!("kubectl -n {brokered} patch tpt tailspin --type merge -p '{{\"spec\": {{\"dataLocation\": null}}}}'"),
        format!("kubectl -n {manual} get tpt wingtip -o yaml"),
        format!("tail -f {}", cluster.directory.path().join(format!("{BROKERED}.log")).display()),
    ]);
    print(stage, &lines);
    stage.screen.heading("The simulated tenants", "What people and support do, and what came of it:");
    let mut lines = vec![String::new()];
    lines.extend(stage.cast.iter().map(|character| format!("{}={}", shell(character.name), character.tenant)));
    let control = stage.world.announcement.control_url.trim_end_matches('/').to_owned();
    lines.push(format!("act() {{ curl -sS {control}/tenants/$1/acts -d \"$2\"; }}"));
    lines.extend(ORDERS.map(|(name, order, what)| format!("act ${name} '{order}'   # {what}")));
    lines.push(format!("curl -sS {control}/tenants/$fabrikam   # what the portal of fabrikam shows"));
    lines.push(format!("curl -sS {control}/journal             # everything that ever happened"));
    print(stage, &lines);
    Ok(())
}

fn print(stage: &mut Stage, lines: &[String]) {
    for line in lines {
        let comment = line.split_once("   # ").map(|(order, what)| (order.to_owned(), format!("   # {what}")));
        let (order, what) = comment.unwrap_or_else(|| (line.clone(), String::new()));
        let what = stage.screen.paint(Tone::Quiet, &what);
        // Not indented, so that lines can be copied as they stand.
        stage.screen.say(&format!("{order}{what}"));
    }
}

/// The name of a resource as the name of a variable.
fn shell(name: &str) -> String {
    name.replace('-', "_")
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
