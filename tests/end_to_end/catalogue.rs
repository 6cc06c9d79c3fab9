//! The commands of the catalogue of reasons: whoever follows a page at night gets an answer and no error.

use serde_json::json;
use threat_protection_operator::api::{Look, Reason};

use crate::TENANT;
use crate::judges::seed;
use crate::support::stage::Stage;

/// The value of a request for a reconcile; at night it is the time.
const TOKEN: &str = "tonight";

/// Every command that stands on a page, each once.
fn looks() -> Vec<Look> {
    let mut looks = vec![Look::Conditions, Look::Events];
    for look in Reason::ALL.iter().flat_map(|reason| reason.looks()) {
        if !looks.contains(look) {
            looks.push(*look);
        }
    }
    looks
}

/// The arguments of kubectl; nothing where it is another program's command, or goes on in one.
fn arguments(look: Look, namespace: &str) -> Option<Vec<String>> {
    let command = look.command().strip_prefix("kubectl ").filter(|command| !command.contains(" | "))?;
    let filled = command
        .replace("OPERATOR_NAMESPACE", namespace)
        .replace("NAMESPACE", namespace)
        .replace("NAME", "contoso")
        .replace("TENANT_ID", TENANT)
        .replace("SECRET", "contoso-reader")
        .replace("$(date +%s)", TOKEN);
    let (mut words, mut quote) = (vec![String::new()], None);
    for character in filled.chars() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().unwrap().push(character),
        }
    }
    Some(words)
}

#[tokio::test]
async fn kubectl_understands_every_command_of_the_catalogue() {
    let stage = Stage::open("catalogue").await;
    seed(&stage, TENANT).await;
    let _operator = stage.operator(&stage.configuration()).await;
    let links = json!([{"name": "identity-data", "type": "IdentityCloudApps"}]);
    stage.apply("contoso", json!({"tenantId": TENANT, "integrations": links})).await.unwrap();
    stage.until_current("contoso").await;
    let mut answered = 0;
    for look in looks() {
        let Some(arguments) = arguments(look, &stage.namespace) else { continue };
        let output = stage.plane.kubectl(&arguments).await.unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        // The answer no is told by the exit code, too.
        assert!(output.status.success() || printed.trim() == "no", "{look:?}: {arguments:?}: {output:?}");
        let expected = match look {
            Look::Conditions => "Ready=True Enabled: the service is on",
            Look::Events => "Enabled",
            Look::Integrations => "identity-data: Linked",
            Look::Services => "Endpoint: licensed ",
            Look::DataLocation => "pinned EU (Claimed)",
            Look::Policies => "Enabled Manage Retain",
            Look::SameTenant => "contoso",
            Look::SecretAccess => "no",
            _ => "",
        };
        assert!(printed.contains(expected), "{look:?}: {printed}");
        answered += 1;
    }
    assert!(answered >= 15, "{answered} commands are kubectl's");
    stage.until("contoso", "asked for", |resource| resource["status"]["lastHandledReconcileAt"] == TOKEN).await;
}
