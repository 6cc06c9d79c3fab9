//! What every command that asks the outside world takes from the administrator.

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// The administrator's configuration, and in which world it holds.
#[derive(Debug, ClapArgs)]
pub struct Administrator {
    /// The administrator's configuration
    #[arg(
        long,
        value_name = "FILE",
        env = "TPO_CONFIG",
        default_value = "/etc/threat-protection-operator/config.yaml"
    )]
    pub config: PathBuf,
    /// Insist that Microsoft's APIs are the simulator's; without this they are refused when they are
    #[arg(long, env = "TPO_ALLOW_SIMULATOR")]
    pub allow_simulator: bool,
}
