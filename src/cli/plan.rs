//! `plan`: says what the operator would do about a resource, and does nothing.
//!
//! Offline (`-f FILE --world FILE`) neither a cluster nor a network is needed: a file tells what would be answered.
//! Online the resource is read from the cluster, or a file is shown to the API server in a dry run, and the broker is
//! asked; nothing is written anywhere. Exit codes: 0 nothing to do; 2 something is to be done or awaited; 1 an error: a
//! file is not valid, the tenant could not be read, or the declaration cannot be carried out as it stands.

use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};
use jiff::Timestamp;

use super::administrator::Administrator;
use crate::controller::{Declaration, ReconcileError, declaration, now, would_ask, would_sign_in};
use crate::plan::memory::Memory;
use crate::plan::observed::Observed;
use crate::plan::situation::Situation;

mod forecast;
mod json;
mod online;
pub(super) mod resource;
mod schema;
pub(super) mod text;
mod world;

#[cfg(test)]
mod tests;

pub use forecast::{Exit, Forecast};
pub use json::json;
pub use online::OnlineError;
pub use resource::ResourceError;
pub use text::text;
pub use world::WorldError;

use world::World;

/// Arguments of `plan`.
#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Exit codes: 0 nothing to do; 2 something is to be done or awaited; 1 an error, or the declaration cannot be carried out as it stands."
)]
pub struct Args {
    /// The stored resource to plan for
    #[arg(value_name = "NAME", required_unless_present = "file", conflicts_with = "file")]
    name: Option<String>,
    /// Plan for the resources in this file instead, as if they were applied; - reads the standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// What Microsoft, the broker and the administrator would answer; no cluster and no network are used then
    #[arg(long, value_name = "FILE", requires = "file", conflicts_with = "name")]
    world: Option<PathBuf>,
    /// Namespace of the resource, where the file names none
    #[arg(short, long)]
    namespace: Option<String>,
    #[command(flatten)]
    administrator: Administrator,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// There is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A file cannot be read.
    #[error("cannot read {}: {problem}. Name an existing, readable file of text in UTF-8", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
    /// Both files would come by the standard input.
    #[error("-f - and --world - cannot both read the standard input. Name a file for one of them")]
    StandardInputTwice,
    /// The resource file cannot be used.
    #[error("the resource file cannot be used: {0}")]
    Resource(ResourceError),
    /// The world file cannot be used.
    #[error("the world file cannot be used: {0}")]
    World(WorldError),
    /// A resource lacks what every stored resource has.
    #[error("the resource cannot be planned for: {0}")]
    Incomplete(ReconcileError),
    /// The cluster or the broker cannot be asked.
    #[error(transparent)]
    Online(#[from] OnlineError),
    /// The plan cannot be written as JSON.
    #[error("cannot write the plan as JSON")]
    Encode(#[from] serde_json::Error),
    /// The output is closed.
    #[error("cannot print the plan")]
    Print(#[source] io::Error),
}

// What a message quotes is no source of it too: the program prints a message and then its sources.
impl From<ResourceError> for PlanError {
    fn from(error: ResourceError) -> Self {
        Self::Resource(error)
    }
}

impl From<WorldError> for PlanError {
    fn from(error: WorldError) -> Self {
        Self::World(error)
    }
}

impl From<ReconcileError> for PlanError {
    fn from(error: ReconcileError) -> Self {
        Self::Incomplete(error)
    }
}

/// Plans, prints, and tells how it ended.
pub async fn run(args: Args, output: &mut impl Write) -> Result<Exit, PlanError> {
    let Args { name, file, world, namespace, administrator, output: form } = args;
    let Administrator { config, allow_simulator } = administrator;
    if [&file, &world].into_iter().flatten().filter(|path| is_standard_input(path)).count() > 1 {
        return Err(PlanError::StandardInputTwice);
    }
    let resources = file.as_deref().map(read).transpose()?;
    let place = online::Place { config: &config, namespace: namespace.as_deref(), allow_simulator };
    let forecasts = match (&resources, &world) {
        (Some(resources), Some(world)) => offline(resources, &read(world)?, place.namespace, now())?,
        (Some(resources), None) => online::of_file(&place, resource::manifests(resources)?).await?,
        (None, _) => vec![online::of_stored(&place, name.as_deref().unwrap_or_default()).await?],
    };
    let printed = match form {
        Output::Text => text(&forecasts),
        Output::Json => json(&forecasts)?,
    };
    output.write_all(printed.as_bytes()).map_err(PlanError::Print)?;
    Ok(forecasts.iter().map(Forecast::exit).max().unwrap_or_default())
}

/// Plans without a cluster and without a network: one forecast a document of `resources`, each in the same `world`.
///
/// `namespace` stands in where a document names none, `now` where the world does not say what time it is.
pub fn offline(
    resources: &str,
    world: &str,
    namespace: Option<&str>,
    now: Timestamp,
) -> Result<Vec<Forecast>, PlanError> {
    let world = World::read(world, now)?;
    let mut forecasts = Vec::new();
    for (index, manifest) in resource::manifests(resources)?.into_iter().enumerate() {
        let stored = resource::as_stored(manifest, index + 1, namespace)?;
        forecasts.push(imagined(declaration(&stored)?, &world)?);
    }
    Ok(forecasts)
}

fn imagined(declared: Declaration, world: &World) -> Result<Forecast, PlanError> {
    let Declaration { mut subject, desired, tenant, status } = declared;
    subject.home_is_terminating = subject.is_deleting && world.home_is_terminating();
    let permit = world.permit();
    let mut notes = Vec::new();
    if world.is_empty {
        notes.push("nothing stands in the world file: no broker is configured, and Microsoft is not asked".to_owned());
    }
    let observed = match &desired {
        Ok(desired) => {
            let signs_in = would_sign_in(desired, permit, &subject);
            if world.has_microsoft() && desired.credentials.is_none() {
                notes.push("what the world says of microsoft does not count: spec.credentials is not set".to_owned());
            }
            world.observed(desired, would_ask(desired, permit, &subject), signs_in)?
        }
        Err(_) => Observed::nothing(),
    };
    let integrations = desired.iter().flat_map(|desired| desired.integrations.keys());
    let (recent, capabilities, now) = (world.recent(integrations), world.capabilities, world.now);
    let memory = Memory::new(status);
    let situation = Situation { subject, desired, permit, observed, memory, recent, capabilities, now };
    Ok(Forecast::new(tenant, situation, notes))
}

/// The text of a file; `-` is the standard input.
pub(super) fn read(path: &Path) -> Result<String, PlanError> {
    let text = if is_standard_input(path) {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let mut text = text.map_err(|problem| PlanError::Read { path: path.to_owned(), problem })?;
    // Some editors and shells begin a file with a mark of its byte order.
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}
