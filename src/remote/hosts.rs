//! Where the tenants of each Microsoft cloud are asked, and for which API a token is bought. Pure.
//!
//! | cloud | sign-in | Microsoft Graph | Azure Resource Manager |
//! |---|---|---|---|
//! | Public, GCC | login.microsoftonline.com | graph.microsoft.com | management.azure.com |
//! | GCC High (L4) | login.microsoftonline.us | graph.microsoft.us | management.usgovcloudapi.net |
//! | DoD (L5) | login.microsoftonline.us | dod-graph.microsoft.us | management.usgovcloudapi.net |
//!
//! Sources: Microsoft, *Microsoft Graph national cloud deployments* (2025) for sign-in and Graph; Microsoft, *Compare
//! Azure Government and global Azure* (2025) for Azure Resource Manager.

use std::collections::BTreeMap;

use super::call::Api;
use super::http::{BaseUrlError, Url, base_url};
use crate::tenant::Cloud;

/// Other hosts than Microsoft's, for one cloud. What is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostOverrides {
    /// Instead of `https://login.microsoftonline.com`: scheme, host and port, no path.
    pub login: Option<Url>,
    /// Instead of `https://graph.microsoft.com/v1.0`: with the version, without a slash at the end.
    pub graph: Option<Url>,
    /// Instead of `https://management.azure.com`.
    pub arm: Option<Url>,
}

/// An override cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// It is not an address that may be asked.
    #[error("the {host} host of cloud {cloud}: {cause}")]
    Address {
        /// `login`, `graph` or `arm`.
        host: &'static str,
        /// Of which cloud.
        cloud: Cloud,
        /// What is wrong with it.
        cause: BaseUrlError,
    },
    /// The sign-in library builds addresses from the host alone.
    #[error("the login host of cloud {cloud}: it must have no path")]
    LoginPath {
        /// Of which cloud.
        cloud: Cloud,
    },
}

/// The hosts of every cloud: Microsoft's, unless the administrator's configuration says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    overrides: BTreeMap<Cloud, HostOverrides>,
}

impl Hosts {
    /// Microsoft's hosts with some of them replaced. GCC follows Public unless it is replaced itself.
    ///
    /// Only the administrator's configuration may call it: tokens and secrets go wherever it points. The audiences of
    /// the tokens stay Microsoft's.
    ///
    /// # Errors
    /// An address that is not `https` (the sign-in library insists on it), or carries more than scheme, host, port and
    /// path.
    pub fn overridden(overrides: BTreeMap<Cloud, HostOverrides>) -> Result<Self, HostError> {
        for (cloud, HostOverrides { login, graph, arm }) in &overrides {
            check("login", *cloud, login.as_ref())?;
            check("graph", *cloud, graph.as_ref())?;
            check("arm", *cloud, arm.as_ref())?;
            if login.as_ref().is_some_and(|url| url.path() != "/") {
                return Err(HostError::LoginPath { cloud: *cloud });
            }
        }
        Ok(Self { overrides })
    }

    /// Where tokens are bought and OpenID configurations are read; no slash at the end.
    #[must_use]
    pub fn login(&self, cloud: Cloud) -> &str {
        self.replaced(cloud, |hosts| hosts.login.as_ref()).unwrap_or(match cloud {
            Cloud::Public | Cloud::GCC => "https://login.microsoftonline.com",
            Cloud::GCCHigh | Cloud::DoD => "https://login.microsoftonline.us",
        })
    }

    /// What the path of a call is appended to; no slash at the end.
    #[must_use]
    pub fn base(&self, cloud: Cloud, api: Api) -> &str {
        let replaced = self.replaced(cloud, |hosts| match api {
            Api::Graph => hosts.graph.as_ref(),
            Api::Arm => hosts.arm.as_ref(),
        });
        replaced.unwrap_or(match (api, cloud) {
            (Api::Graph, Cloud::Public | Cloud::GCC) => "https://graph.microsoft.com/v1.0",
            (Api::Graph, Cloud::GCCHigh) => "https://graph.microsoft.us/v1.0",
            (Api::Graph, Cloud::DoD) => "https://dod-graph.microsoft.us/v1.0",
            (Api::Arm, Cloud::Public | Cloud::GCC) => "https://management.azure.com",
            (Api::Arm, Cloud::GCCHigh | Cloud::DoD) => "https://management.usgovcloudapi.net",
        })
    }

    /// The scope that a token is bought for: every permission that was granted on that API.
    #[must_use]
    pub const fn scope(cloud: Cloud, api: Api) -> &'static str {
        match (api, cloud) {
            (Api::Graph, Cloud::Public | Cloud::GCC) => "https://graph.microsoft.com/.default",
            (Api::Graph, Cloud::GCCHigh) => "https://graph.microsoft.us/.default",
            (Api::Graph, Cloud::DoD) => "https://dod-graph.microsoft.us/.default",
            (Api::Arm, Cloud::Public | Cloud::GCC) => "https://management.azure.com/.default",
            (Api::Arm, Cloud::GCCHigh | Cloud::DoD) => "https://management.usgovcloudapi.net/.default",
        }
    }

    fn replaced(&self, cloud: Cloud, pick: impl Fn(&HostOverrides) -> Option<&Url>) -> Option<&str> {
        let of = |cloud: &Cloud| self.overrides.get(cloud).and_then(&pick);
        let url = match cloud {
            Cloud::GCC => of(&Cloud::GCC).or_else(|| of(&Cloud::Public)),
            Cloud::Public | Cloud::GCCHigh | Cloud::DoD => of(&cloud),
        };
        url.map(|url| url.as_str().trim_end_matches('/'))
    }
}

fn check(host: &'static str, cloud: Cloud, url: Option<&Url>) -> Result<(), HostError> {
    let Some(url) = url else { return Ok(()) };
    let wrong = |cause| HostError::Address { host, cloud, cause };
    base_url(url.as_str()).map_err(wrong)?;
    if url.scheme() == "https" { Ok(()) } else { Err(wrong(BaseUrlError::NotEncrypted)) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[rstest]
    #[case(Cloud::Public, ["login.microsoftonline.com", "graph.microsoft.com", "management.azure.com"])]
    #[case(Cloud::GCC, ["login.microsoftonline.com", "graph.microsoft.com", "management.azure.com"])]
    #[case(Cloud::GCCHigh, ["login.microsoftonline.us", "graph.microsoft.us", "management.usgovcloudapi.net"])]
    #[case(Cloud::DoD, ["login.microsoftonline.us", "dod-graph.microsoft.us", "management.usgovcloudapi.net"])]
    fn each_cloud_has_its_hosts(#[case] cloud: Cloud, #[case] hosts: [&str; 3]) {
        let [login, graph, arm] = hosts;
        let table = Hosts::default();
        assert_eq!(table.login(cloud), format!("https://{login}"));
        assert_eq!(table.base(cloud, Api::Graph), format!("https://{graph}/v1.0"));
        assert_eq!(table.base(cloud, Api::Arm), format!("https://{arm}"));
        assert_eq!(Hosts::scope(cloud, Api::Graph), format!("https://{graph}/.default"));
        assert_eq!(Hosts::scope(cloud, Api::Arm), format!("https://{arm}/.default"));
    }

    #[test]
    fn an_override_replaces_one_host_of_one_cloud_and_no_audience() {
        let public = HostOverrides { graph: Some(url("https://localhost:8443/v1.0/")), ..HostOverrides::default() };
        let gcc = HostOverrides { arm: Some(url("https://localhost:9443")), ..HostOverrides::default() };
        let hosts = Hosts::overridden([(Cloud::Public, public), (Cloud::GCC, gcc)].into()).unwrap();
        assert_eq!(hosts.base(Cloud::Public, Api::Graph), "https://localhost:8443/v1.0");
        assert_eq!(hosts.base(Cloud::GCC, Api::Graph), "https://localhost:8443/v1.0", "GCC follows Public");
        assert_eq!(hosts.base(Cloud::GCC, Api::Arm), "https://localhost:9443");
        assert_eq!(hosts.base(Cloud::Public, Api::Arm), "https://management.azure.com");
        assert_eq!(hosts.base(Cloud::DoD, Api::Graph), "https://dod-graph.microsoft.us/v1.0");
        assert_eq!(hosts.login(Cloud::Public), "https://login.microsoftonline.com");
    }

    #[rstest]
    #[case::clear_text("http://login.example.com", "https://")]
    #[case::clear_text_on_loopback("http://127.0.0.1:8080", "https://")]
    #[case::user("https://me:pl4nted@login.example.com", "without user name")]
    #[case::query("https://login.example.com/?a=b", "query")]
    #[case::path("https://login.example.com/a", "no path")]
    fn an_override_that_cannot_be_used_is_refused(#[case] text: &str, #[case] says: &str) {
        let overrides = HostOverrides { login: Some(url(text)), ..HostOverrides::default() };
        let error = Hosts::overridden([(Cloud::DoD, overrides)].into()).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("DoD") && !error.contains("pl4nted"), "{error}");
    }
}
