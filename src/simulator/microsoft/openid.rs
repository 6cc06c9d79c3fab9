//! `GET /{tenant}/v2.0/.well-known/openid-configuration`: what anybody may know of a tenant, its cloud among it.

use serde_json::{Map, Value, json};

use super::entra;
use super::request::Request;
use crate::simulator::answer::Answer;
use crate::simulator::tenant::Tenant;
use crate::simulator::world::World;
use crate::tenant::{Cloud, Region, TenantId};

/// Answers the request.
pub(super) fn configuration(world: &World, request: &Request, tenant_id: Option<TenantId>) -> Answer {
    let guard = world.look();
    let Some(tenant) = tenant_id.and_then(|id| guard.state.tenant(id)) else {
        let (code, text) = entra::no_such_tenant(request);
        return entra::refusal(request, (400, "invalid_tenant", code), &text);
    };
    Answer::new(200, Value::Object(document(tenant, &request.host)))
}

/// Hosts are those of the cloud, but for the endpoint of tokens, which is where this was asked.
fn document(tenant: &Tenant, host: &str) -> Map<String, Value> {
    let id = tenant.tenant_id;
    let is_government = matches!(tenant.cloud, Cloud::GCCHigh | Cloud::DoD);
    let (login, instance, rbac) = if is_government {
        ("login.microsoftonline.us", "microsoftonline.us", "https://pasff.usgovcloudapi.net")
    } else {
        ("login.microsoftonline.com", "microsoftonline.com", "https://pas.windows.net")
    };
    let (graph, scope, sub_scope) = match tenant.cloud {
        Cloud::Public => ("graph.microsoft.com", region_scope(tenant.automatic_region), None),
        Cloud::GCC => ("graph.microsoft.com", "NA", Some("GCC")),
        Cloud::GCCHigh => ("graph.microsoft.us", "USGov", Some("DODCON")),
        Cloud::DoD => ("dod-graph.microsoft.us", "USGov", Some("DOD")),
    };
    let document = json!({
        "token_endpoint": format!("https://{host}/{id}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("https://{login}/{id}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("https://{login}/{id}/v2.0"),
        "request_uri_parameter_supported": false,
        "authorization_endpoint": format!("https://{login}/{id}/oauth2/v2.0/authorize"),
        "tenant_region_scope": scope,
        "cloud_instance_name": instance,
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": graph,
        "rbac_url": rbac,
    });
    let mut members = document.as_object().cloned().unwrap_or_default();
    if let Some(sub_scope) = sub_scope {
        members.insert("tenant_region_sub_scope".to_owned(), sub_scope.into());
    }
    members
}

const fn region_scope(region: Region) -> &'static str {
    match region {
        Region::EU | Region::UK | Region::CH => "EU",
        Region::US => "NA",
        Region::AU => "OC",
        Region::IN | Region::AE => "AS",
    }
}
