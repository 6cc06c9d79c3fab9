//! `check`: signs in with the credentials of a resource as the operator would, asks what the operator would ask, and lists
//! which permissions are granted and which are to be granted. Nothing is written and nothing is changed.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::administrator::Administrator;
use super::outside;
use super::plan::resource::{as_stored, manifests};
use super::plan::{Exit, PlanError, ResourceError, read};
use crate::config::{Config, ConfigErrors};
use crate::controller::{self, ClusterError, Declaration, declaration, now, survey};
use crate::plan::desired::InvalidSpec;
use crate::remote::http::ClientError;
use crate::remote::outside::Outside;

mod text;

pub use text::{Checked, text};

/// Arguments of `check`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Exit codes: 0 everything that the resource makes use of is granted; 2 something optional is missing or could not be told; 1 an error, or the operator could not work with these credentials."
)]
pub struct Args {
    /// The resources whose credentials are checked; - reads the standard input
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Namespace of the resource and of its Secret, where the file names none
    #[arg(short, long)]
    namespace: Option<String>,
    #[command(flatten)]
    administrator: Administrator,
}

/// The credentials cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The file cannot be read, or is none of ours.
    #[error(transparent)]
    File(#[from] PlanError),
    /// The administrator's configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// There is no way into the cluster that holds the Secret.
    #[error("the cluster that holds the credentials cannot be asked. Set KUBECONFIG, or choose its context")]
    Cluster(#[from] ClusterError),
    /// The way to Microsoft's APIs cannot be set up.
    #[error("setting up the way to Microsoft's APIs (microsoft in the configuration)")]
    Microsoft(#[from] ClientError),
    /// A resource cannot be carried out as it is written.
    #[error("{name}: {problem}. Correct it")]
    Invalid {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: InvalidSpec,
    },
    /// A resource declares nothing to sign in with.
    #[error("{name} declares no spec.credentials, so there is nothing to check")]
    NoCredentials {
        /// Its name.
        name: String,
    },
    /// The outcome cannot be printed.
    #[error("cannot print the outcome")]
    Print(#[source] io::Error),
}

impl From<ResourceError> for CheckError {
    fn from(error: ResourceError) -> Self {
        Self::File(error.into())
    }
}

/// Checks, prints, and tells how it ended.
pub async fn run(args: Args, output: &mut impl Write) -> Result<Exit, CheckError> {
    let Args { file, namespace, administrator: Administrator { config, allow_simulator } } = args;
    let manifests = manifests(&read(&file)?)?;
    let microsoft = Config::load(&config)?.microsoft;
    let client = controller::connect().await?;
    let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_owned());
    let own_identity = microsoft.own_identity.clone();
    let outside = Outside::new(None, outside::gate(microsoft, allow_simulator)?);
    let mut checked = Vec::new();
    for (index, manifest) in manifests.into_iter().enumerate() {
        let stored = as_stored(manifest, index + 1, Some(&namespace))?;
        let Declaration { subject, desired, .. } = declaration(&stored).map_err(PlanError::from)?;
        let name = format!("{}/{}", subject.namespace, subject.name);
        let desired = desired.map_err(|problem| CheckError::Invalid { name: name.clone(), problem })?;
        let seen = Box::pin(survey(&client, &outside, &own_identity, (&subject, &desired), now())).await;
        let Some(microsoft) = seen else { return Err(CheckError::NoCredentials { name }) };
        checked.push(Checked { name, desired, microsoft });
    }
    output.write_all(text(&checked).as_bytes()).map_err(CheckError::Print)?;
    Ok(checked.iter().map(Checked::exit).max().unwrap_or_default())
}
