//! The administrator's configuration, validated once.

use std::net::SocketAddr;
use std::path::Path;

use crate::plan::ownership::Tenancy;
use crate::plan::situation::Capabilities;

/// The administrator's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which namespace may manage which tenant.
    pub tenancy: Tenancy,
    /// The service broker, where there is one.
    pub broker: Option<BrokerConfig>,
    /// What is configured, as plans see it.
    pub capabilities: Capabilities,
    /// How many resources are reconciled at once.
    pub concurrency: u16,
    /// Where the probes listen.
    pub probes: SocketAddr,
}

/// How the broker is reached.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// Its host, for messages.
    pub host: String,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is not valid")]
pub struct ConfigErrors;

impl Config {
    /// Reads and checks a file.
    pub fn load(_path: &Path) -> Result<Self, ConfigErrors> {
        Err(ConfigErrors)
    }
}
