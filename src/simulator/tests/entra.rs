//! Tokens and facts about tenants, as Microsoft Entra gives and refuses them.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rstest::rstest;

use super::microsoft::{ARM, CLIENT, GRAPH, SECRET, rig};
use super::*;

#[tokio::test]
async fn a_token_is_opaque_and_for_one_api() {
    let rig = rig(json!({})).await;
    let granted = rig.ask_token(TENANT, &[("client_secret", SECRET)]).await;
    assert_eq!((granted.status, &granted.body["token_type"]), (200, &json!("Bearer")));
    assert_eq!(granted.body["expires_in"], 3599);
    assert_eq!(granted.headers["x-simulator"], "true");
    assert!(granted.headers.contains_key("x-ms-request-id"));
    let token = granted.body["access_token"].as_str().unwrap();
    assert!(token.starts_with("simtoken-"), "{token}");
    let path = format!("/subscriptions/{}?api-version=2022-12-01", microsoft::SUBSCRIPTION);
    let arm = rig.call(token, Method::GET, &path, None).await;
    assert_eq!(arm.error(), (401, "InvalidAuthenticationTokenAudience"));
    let arm = rig.token(TENANT, ARM).await;
    let graph = rig.call(&arm, Method::GET, "/v1.0/organization", None).await;
    assert_eq!(graph.error(), (401, "InvalidAuthenticationToken"));
    assert!(graph.message().contains("Invalid audience"));
}

#[rstest]
#[case::secret(&[("client_secret", "wrong")], 401, "invalid_client", 7_000_215)]
#[case::no_credential(&[], 401, "invalid_client", 7_000_216)]
#[case::application(&[("client_id", "00000000-0000-4000-8000-000000000001"), ("client_secret", SECRET)], 400, "unauthorized_client", 700_016)]
#[case::grant_type(&[("grant_type", "password"), ("client_secret", SECRET)], 400, "unsupported_grant_type", 70003)]
#[case::scope(&[("scope", "https://graph.microsoft.com/User.Read"), ("client_secret", SECRET)], 400, "invalid_scope", 1_002_012)]
#[case::other_cloud(&[("scope", "https://graph.microsoft.us/.default"), ("client_secret", SECRET)], 400, "invalid_resource", 500_011)]
#[case::no_jwt(&[("client_assertion", "nonsense")], 400, "invalid_request", 50027)]
#[tokio::test]
async fn refusals(#[case] fields: &[(&str, &str)], #[case] status: u16, #[case] error: &str, #[case] code: u32) {
    let rig = rig(json!({})).await;
    let refused = rig.ask_token(TENANT, fields).await;
    assert_eq!((refused.status, &refused.body["error"]), (status, &json!(error)), "{}", refused.text);
    assert_eq!(refused.body["error_codes"], json!([code]));
    let description = refused.body["error_description"].as_str().unwrap();
    assert!(description.starts_with(&format!("AADSTS{code}: ")) && description.contains("\r\nTrace ID: "));
    assert_eq!(refused.headers["x-ms-request-id"], refused.body["trace_id"].as_str().unwrap());
}

#[tokio::test]
async fn strangers_expired_secrets_and_missing_consent() {
    let rig = rig(json!({})).await;
    let nobody = rig.ask_token("00000000-0000-4000-8000-000000000000", &[("client_secret", SECRET)]).await;
    assert_eq!((nobody.status, &nobody.body["error_codes"]), (400, &json!([90002])));
    assert_eq!(rig.ask_token("contoso.onmicrosoft.com", &[("client_secret", SECRET)]).await.status, 200);
    let application = json!({ "clientId": CLIENT, "secrets": [{ "value": SECRET }], "consented": false });
    rig.control.patch(TENANT, json!({ "applications": [application] })).await.unwrap();
    let refused = rig.ask_token(TENANT, &[("client_secret", SECRET)]).await;
    assert_eq!((refused.status, &refused.body["error"]), (400, &json!("invalid_grant")));
    assert_eq!(refused.body["error_codes"], json!([65001]));
    let secret = json!({ "value": SECRET, "expires": "2020-06-23T00:00:00Z" });
    rig.control.patch(TENANT, json!({ "applications": [{ "clientId": CLIENT, "secrets": [secret] }] })).await.unwrap();
    let refused = rig.ask_token(TENANT, &[("client_secret", SECRET)]).await;
    assert_eq!((refused.status, &refused.body["error_codes"]), (401, &json!([7_000_222])));
}

fn assertion(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.unsigned", part(&json!({ "alg": "RS256" })), part(claims))
}

#[tokio::test]
async fn a_cluster_is_trusted_by_issuer_subject_and_audience() {
    let trust = json!({ "issuer": "https://cluster.example", "subject": "system:serviceaccount:a:b" });
    let rig = rig(json!({ "applications": [{ "clientId": CLIENT, "federated": [trust] }] })).await;
    let ask = async |claims: Value| rig.ask_token(TENANT, &[("client_assertion", &assertion(&claims))]).await;
    let fine = json!({ "iss": "https://cluster.example", "sub": "system:serviceaccount:a:b", "aud": ["api://AzureADTokenExchange"] });
    let with = |name: &str, value: Value| {
        let mut claims = fine.clone();
        claims[name] = value;
        claims
    };
    assert_eq!(ask(fine.clone()).await.status, 200);
    for (claims, status, code) in [
        (with("sub", json!("system:serviceaccount:a:c")), 401, 700_213),
        (with("iss", json!("https://other.example")), 400, 70021),
        (with("aud", json!("https://kubernetes.default.svc")), 400, 70021),
        (with("exp", json!(1_592_870_400)), 401, 700_024),
    ] {
        let refused = ask(claims.clone()).await;
        assert_eq!((refused.status, &refused.body["error_codes"]), (status, &json!([code])), "{claims}");
    }
}

#[rstest]
#[case("Public", None, "graph.microsoft.com", "microsoftonline.com")]
#[case("GCC", Some("GCC"), "graph.microsoft.com", "microsoftonline.com")]
#[case("GCCHigh", Some("DODCON"), "graph.microsoft.us", "microsoftonline.us")]
#[case("DoD", Some("DOD"), "dod-graph.microsoft.us", "microsoftonline.us")]
#[tokio::test]
async fn anybody_may_ask_for_the_cloud(
    #[case] cloud: &str,
    #[case] sub_scope: Option<&str>,
    #[case] graph: &str,
    #[case] instance: &str,
) {
    let rig = rig(json!({ "cloud": cloud, "service": { "state": "off" } })).await;
    let path = format!("/{TENANT}/v2.0/.well-known/openid-configuration");
    let shown = rig.broker.send_with(Method::GET, &path, None, &[]).await.unwrap();
    assert_eq!(shown.status, 200);
    assert_eq!(shown.body.get("tenant_region_sub_scope").and_then(Value::as_str), sub_scope);
    assert_eq!((&shown.body["msgraph_host"], &shown.body["cloud_instance_name"]), (&json!(graph), &json!(instance)));
    let endpoint = format!("{}/{TENANT}/oauth2/v2.0/token", rig.running.microsoft_url);
    assert_eq!(shown.body["token_endpoint"], endpoint);
    let path = "/fabrikam.com/v2.0/.well-known/openid-configuration";
    let unknown = rig.broker.send_with(Method::GET, path, None, &[]).await.unwrap();
    assert_eq!((unknown.status, &unknown.body["error"]), (400, &json!("invalid_tenant")));
    assert_eq!(unknown.body["error_codes"], json!([90002]));
}

#[tokio::test]
async fn tokens_end_with_their_time_with_the_run_and_on_request() {
    let rig = rig(json!({})).await;
    rig.control.settings(None, json!({ "tokenLifetimeSeconds": 600 })).await.unwrap();
    let token = rig.token(TENANT, GRAPH).await;
    let ask = async |rig: &Rig| rig.call(&token, Method::GET, "/v1.0/organization", None).await;
    assert_eq!(ask(&rig).await.status, 200);
    rig.control.advance(601).await.unwrap();
    let late = ask(&rig).await;
    assert_eq!(late.error(), (401, "InvalidAuthenticationToken"));
    assert!(late.message().contains("expired"));
    assert!(late.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer "));
    let token = rig.token(TENANT, GRAPH).await;
    rig.control.revoke_tokens().await.unwrap();
    assert_eq!(rig.call(&token, Method::GET, "/v1.0/organization", None).await.status, 401);
    let token = rig.token(TENANT, GRAPH).await;
    let Rig { folder, running, .. } = rig;
    running.stop().await.unwrap();
    let rig = Rig::start_in(folder).await;
    assert_eq!(rig.call(&token, Method::GET, "/v1.0/organization", None).await.status, 401, "a restart forgets");
    assert_eq!(rig.ask_token(TENANT, &[("client_secret", SECRET)]).await.status, 200, "applications it remembers");
}

#[tokio::test]
async fn no_secret_is_in_the_log_of_requests() {
    let rig = rig(json!({})).await;
    rig.graph("/organization").await;
    let log = rig.control.requests_of("entra", Some(TENANT)).await.unwrap();
    assert_eq!((log.len(), &log[0]["status"], &log[0]["body"]), (1, &json!(200), &Value::Null));
    let all = json!([log, rig.control.requests_of("graph", Some(TENANT)).await.unwrap()]).to_string();
    assert!(!all.contains(SECRET) && !all.contains("simtoken-"), "{all}");
    assert_eq!(rig.control.counts(None).await.unwrap(), Vec::<Value>::new(), "the broker was not asked");
}
