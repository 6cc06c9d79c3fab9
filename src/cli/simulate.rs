//! `simulate`: serves simulated tenants, Microsoft's APIs and a service broker before them, until it is told to stop.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

use crate::simulator::server::{self, Options, Running, ServerError};
use crate::simulator::store::{StoreError, beside, replace};
use crate::simulator::tenant::Tenant;

/// Arguments of `simulate`.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// State file; its log, the certificate authority and a generated password lie beside it
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// Address of the service broker and of Microsoft's APIs (TLS), for which the certificate is valid too; port 0 takes a
    /// free one
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    pub listen: SocketAddr,
    /// Address of the control port (plain HTTP); port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    pub control: SocketAddr,
    /// Allow addresses that other machines can reach
    #[arg(long)]
    pub allow_non_loopback: bool,
    /// Further host name or IP address of the server certificate; may be repeated
    #[arg(long = "san", value_name = "NAME")]
    pub sans: Vec<String>,
    /// YAML list of tenants to start with; those already in the state file stay as they are
    #[arg(long, value_name = "FILE")]
    pub tenants: Option<PathBuf>,
    /// User name that the broker asks for
    #[arg(long, default_value = "operator")]
    pub username: String,
    /// File with the password that the broker asks for; without it one is generated beside the state file
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// File that tells, as JSON, where to reach the simulator; written once it listens
    #[arg(long, value_name = "FILE")]
    pub announce: Option<PathBuf>,
}

/// The simulator could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// A file that was named cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The seed list is not a YAML list of tenants.
    #[error("{} is not a YAML list of tenants: {source}", path.display())]
    Seeds {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_yaml::Error,
    },
    /// The password file is empty.
    #[error("{} holds no password", path.display())]
    NoPassword {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be started.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Signals cannot be listened for.
    #[error("cannot listen for signals: {source}")]
    Signal {
        /// Why.
        source: std::io::Error,
    },
}

/// Runs until SIGTERM or Ctrl-C.
pub async fn run(args: Args) -> Result<(), SimulateError> {
    let Args { state, listen, control, allow_non_loopback, sans, tenants, username, password_file, announce } = args;
    // Absolute, because the announcement is read by processes that run elsewhere.
    let state = std::path::absolute(&state).map_err(|source| SimulateError::Read { path: state, source })?;
    let signal_error = |source| SimulateError::Signal { source };
    let mut terminate = signal(SignalKind::terminate()).map_err(signal_error)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(signal_error)?;
    let tenants = tenants.as_deref().map(seeds).transpose()?.unwrap_or_default();
    let (password, password_file) = password(&state, password_file)?;
    let options =
        Options { state, listen, control, allow_non_loopback, sans, username: username.clone(), password, tenants };
    let running = server::start(options).await?;
    let place = Place { running: &running, username: &username, password_file: &password_file };
    if let Some(path) = &announce {
        place.write(path)?;
    }
    place.print();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    running.stop().await?;
    Ok(())
}

fn seeds(path: &Path) -> Result<Vec<Tenant>, SimulateError> {
    let text = read(path)?;
    serde_yaml::from_str(&text).map_err(|source| SimulateError::Seeds { path: path.to_owned(), source })
}

/// The password and the file that holds it: the named file, else one beside the state file that is made once.
fn password(state: &Path, named: Option<PathBuf>) -> Result<(String, PathBuf), SimulateError> {
    let is_ours = named.is_none();
    let path = named.unwrap_or_else(|| beside(state, "password"));
    if is_ours && !path.exists() {
        replace(&path, Uuid::new_v4().simple().to_string().as_bytes())?;
    }
    let password = read(&path)?.trim().to_owned();
    if password.is_empty() { Err(SimulateError::NoPassword { path }) } else { Ok((password, path)) }
}

fn read(path: &Path) -> Result<String, SimulateError> {
    std::fs::read_to_string(path).map_err(|source| SimulateError::Read { path: path.to_owned(), source })
}

/// Where the simulator can be reached.
struct Place<'a> {
    running: &'a Running,
    username: &'a str,
    password_file: &'a Path,
}

impl Place<'_> {
    fn write(&self, path: &Path) -> Result<(), SimulateError> {
        let announcement = json!({
            "brokerUrl": self.running.broker_url,
            "microsoftUrl": self.running.microsoft_url,
            "controlUrl": self.running.control_url,
            "caFile": self.running.ca_file,
            "username": self.username,
            "passwordFile": std::path::absolute(self.password_file).unwrap_or(self.password_file.to_owned()),
            "pid": std::process::id(),
        });
        Ok(replace(path, announcement.to_string().as_bytes())?)
    }

    fn print(&self) {
        let Running { broker_url, microsoft_url, control_url, ca_file, .. } = self.running;
        // Nobody may be reading any more; that is no reason to stop.
        let _ = writeln!(
            std::io::stdout(),
            "service broker  {broker_url}\nMicrosoft APIs  {microsoft_url}\ncontrol port    {control_url}\nCA certificate  {}\nuser name       {}\npassword file   {}",
            ca_file.display(),
            self.username,
            self.password_file.display(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_made_once_and_never_empty() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state.json");
        let (first, path) = password(&state, None).unwrap();
        assert_eq!(first.len(), 32);
        assert_eq!(password(&state, None).unwrap(), (first, path));
        let named = folder.path().join("mine");
        assert!(matches!(password(&state, Some(named.clone())), Err(SimulateError::Read { .. })));
        std::fs::write(&named, "\n").unwrap();
        assert!(matches!(password(&state, Some(named.clone())), Err(SimulateError::NoPassword { .. })));
        std::fs::write(&named, "hush\n").unwrap();
        assert_eq!(password(&state, Some(named.clone())).unwrap(), ("hush".to_owned(), named));
    }

    #[test]
    fn the_shipped_tenants_can_be_simulated() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/simulator/tenants.yaml");
        assert_eq!(seeds(&shipped).unwrap().len(), 3);
    }

    #[test]
    fn seeds_that_are_no_tenants_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tenants.yaml");
        std::fs::write(&path, "- { tenantId: contoso.com }").unwrap();
        let error = seeds(&path).unwrap_err().to_string();
        assert!(error.contains("tenants.yaml") && error.contains("contoso.com"), "{error}");
    }
}
