//! Addresses stay below the base that the configuration names. Pure.

use crate::remote::http::{Url, clean};

/// The address of `path`, which begins with a slash and may have a query. `None` where it would lead elsewhere.
pub(super) fn join(base: &str, path: &str) -> Option<Url> {
    let base = Url::parse(base).ok()?;
    let url = Url::parse(&format!("{}{path}", base.as_str().trim_end_matches('/'))).ok()?;
    (path.starts_with('/') && is_below(&base, &url)).then_some(url)
}

/// The path and query of a link below `base`; the host that it names where it leads elsewhere.
pub(super) fn path_below(base: &str, link: &str) -> Result<String, String> {
    let nowhere = || "no address at all".to_owned();
    let base = Url::parse(base).map_err(|_| nowhere())?;
    let url = Url::parse(link).map_err(|_| nowhere())?;
    let path = url.path().strip_prefix(base.path().trim_end_matches('/'));
    match path.filter(|_| is_below(&base, &url)) {
        Some(path) => Ok(url.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))),
        None => Err(place(&url)),
    }
}

fn is_below(base: &Url, url: &Url) -> bool {
    let is_same_place = base.scheme() == url.scheme()
        && base.host_str() == url.host_str()
        && base.port_or_known_default() == url.port_or_known_default();
    let has_no_user = url.username().is_empty() && url.password().is_none();
    let rest = url.path().strip_prefix(base.path().trim_end_matches('/'));
    is_same_place && has_no_user && rest.is_some_and(|rest| rest.starts_with('/') && rest.len() > 1)
}

/// Scheme, host and port: never a user name, a password or a query.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or("no host");
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    clean(&format!("{}://{host}{port}", url.scheme()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const GRAPH: &str = "https://graph.microsoft.com/v1.0";

    #[rstest]
    #[case::same("https://graph.microsoft.com/v1.0/users?$skiptoken=a%20b", "/users?$skiptoken=a%20b")]
    #[case::port_said("https://graph.microsoft.com:443/v1.0/users", "/users")]
    #[case::upper_case_host("https://GRAPH.microsoft.com/v1.0/users", "/users")]
    #[case::fragment("https://graph.microsoft.com/v1.0/users?a=b#c", "/users?a=b")]
    #[case::a_way_round("https://graph.microsoft.com/beta/../v1.0/users", "/users")]
    fn a_link_below_the_base_is_followed(#[case] link: &str, #[case] path: &str) {
        assert_eq!(path_below(GRAPH, link).as_deref(), Ok(path));
        assert!(join(GRAPH, path).is_some());
    }

    #[rstest]
    #[case::foreign("https://evil.example.com/v1.0/users", "https://evil.example.com")]
    #[case::other_port("https://graph.microsoft.com:8443/v1.0/users", "https://graph.microsoft.com:8443")]
    #[case::clear_text("http://graph.microsoft.com/v1.0/users", "http://graph.microsoft.com")]
    #[case::user("https://graph.microsoft.com@evil.example.com/v1.0/users", "https://evil.example.com")]
    #[case::user_here("https://me:pl4nted@graph.microsoft.com/v1.0/users", "https://graph.microsoft.com")]
    #[case::longer_name(
        "https://graph.microsoft.com.evil.example/v1.0/users",
        "https://graph.microsoft.com.evil.example"
    )]
    #[case::backslash("https:\\\\evil.example.com\\v1.0\\users", "https://evil.example.com")]
    #[case::other_version("https://graph.microsoft.com/beta/users", "https://graph.microsoft.com")]
    #[case::longer_version("https://graph.microsoft.com/v1.0x/users", "https://graph.microsoft.com")]
    #[case::a_way_out("https://graph.microsoft.com/v1.0/../beta/users", "https://graph.microsoft.com")]
    #[case::an_encoded_way_out("https://graph.microsoft.com/v1.0/%2e%2e/beta/users", "https://graph.microsoft.com")]
    #[case::nothing_below("https://graph.microsoft.com/v1.0", "https://graph.microsoft.com")]
    #[case::relative("/v1.0/users", "no address at all")]
    #[case::no_scheme("//evil.example.com/v1.0/users", "no address at all")]
    #[case::script("javascript:alert(1)", "javascript://no host")]
    #[case::empty("", "no address at all")]
    fn any_other_link_is_not(#[case] link: &str, #[case] names: &str) {
        assert_eq!(path_below(GRAPH, link), Err(names.to_owned()));
    }

    #[rstest]
    #[case("users")]
    #[case("@evil.example.com/users")]
    #[case(".evil.example.com/users")]
    #[case("/../beta/users")]
    #[case("/")]
    fn a_path_that_would_lead_elsewhere_is_not_asked(#[case] path: &str) {
        assert_eq!(join(GRAPH, path), None);
        assert_eq!(
            join("https://management.azure.com", path.trim_start_matches("/..").trim_start_matches("/beta/")),
            None
        );
    }
}
