//! Where the story happens: what is declared, what people do, and what is seen of it meanwhile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use serde_json::{Value, json};
use threat_protection_operator::api::ThreatProtectionTenant;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::board::{Board, Face, Row};
use crate::cast::{BROKERED, Character, MANUAL, cast};
use crate::cluster::{Cluster, TEAM};
use crate::screen::{Screen, Tone};
use crate::support::stage::condition;
use crate::world::World;

/// The longest wait for anything that should take seconds.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two pictures of the live table.
const FRAME: Duration = Duration::from_millis(90);

/// The stage.
pub(crate) struct Stage {
    /// What the audience sees.
    pub(crate) screen: Screen,
    /// The simulator and the operators.
    pub(crate) world: World,
    /// Everybody.
    pub(crate) cast: Vec<Character>,
    /// What is known of the resources.
    pub(crate) board: Board,
    client: Client,
    namespaces: BTreeMap<&'static str, String>,
    seen: mpsc::UnboundedReceiver<Value>,
    _watches: JoinSet<()>,
}

impl Stage {
    /// Prepares the cluster and starts everything.
    pub(crate) async fn set(cluster: &mut Cluster, mut screen: Screen) -> anyhow::Result<Self> {
        let cast = cast();
        cluster.prepare().await?;
        let world = World::start(cluster, &cast, &mut screen).await?;
        let (tell, seen) = mpsc::unbounded_channel();
        let mut watches = JoinSet::new();
        let namespaces = BTreeMap::from([BROKERED, MANUAL].map(|home| (home, cluster.namespace(home))));
        for namespace in namespaces.values() {
            watches.spawn(watch(api(&cluster.client, namespace), tell.clone()));
        }
        let mut board = Board::default();
        for Character { name, rules, .. } in &cast {
            board.add(name, rules);
        }
        let client = cluster.client.clone();
        Ok(Self { screen, world, cast, board, client, namespaces, seen, _watches: watches })
    }

    /// The character of this name.
    pub(crate) fn character(&self, name: &str) -> anyhow::Result<&Character> {
        self.cast.iter().find(|character| character.name == name).with_context(|| format!("nobody is called {name}"))
    }

    fn resources(&self, name: &str) -> anyhow::Result<Api<DynamicObject>> {
        let home = self.character(name)?.home;
        let namespace = self.namespaces.get(home).with_context(|| format!("nobody lives in {home}"))?;
        Ok(api(&self.client, namespace))
    }

    /// Applies the resource as it is declared at first; the API server's refusal is returned, not raised.
    pub(crate) async fn apply(&mut self, name: &str) -> anyhow::Result<Result<(), String>> {
        let body = json!({
            "apiVersion": "threatprotection.dev/v1alpha1",
            "kind": "ThreatProtectionTenant",
            "metadata": {"name": name},
            "spec": self.character(name)?.spec,
        });
        let params = PatchParams::apply(TEAM).force();
        let answer = self.resources(name)?.patch(name, &params, &Patch::Apply(&body)).await;
        self.take(answer)
    }

    /// Changes parts of the spec; `null` removes a field. The API server's refusal is returned, not raised.
    pub(crate) async fn edit(&mut self, name: &str, fields: Value) -> anyhow::Result<Result<(), String>> {
        let patch = Patch::Merge(json!({"spec": fields}));
        let answer = self.resources(name)?.patch(name, &PatchParams::default(), &patch).await;
        self.take(answer)
    }

    fn take(&mut self, answer: Result<DynamicObject, kube::Error>) -> anyhow::Result<Result<(), String>> {
        match answer {
            Ok(object) => {
                let _ = self.board.update(serde_json::to_value(object)?);
                Ok(Ok(()))
            }
            Err(kube::Error::Api(status)) if status.code == 422 => Ok(Err(status.message)),
            Err(error) => Err(error.into()),
        }
    }

    /// The resource as it is stored now; `Null` where there is none.
    pub(crate) async fn stored(&self, name: &str) -> anyhow::Result<Value> {
        let found = self.resources(name)?.get_opt(name).await?;
        Ok(found.map(serde_json::to_value).transpose()?.unwrap_or_default())
    }

    /// Shows that the API server refused a resource.
    pub(crate) fn refuse(&mut self, name: &str, message: String) {
        if let Some(row) = self.board.refuse(name, message) {
            show_row(&mut self.screen, row);
        }
    }

    /// Shows the live table for a while.
    pub(crate) async fn show_for(&mut self, span: Duration) -> anyhow::Result<()> {
        let started = Instant::now();
        while started.elapsed() < span {
            self.show_table(started, "nothing").await?;
        }
        Ok(())
    }

    /// Shows the live table until `goal` holds.
    pub(crate) async fn table_until(&mut self, what: &str, goal: impl Fn(&Board) -> bool) -> anyhow::Result<()> {
        let started = Instant::now();
        while !goal(&self.board) {
            self.show_table(started, what).await?;
        }
        self.screen.live(&self.board.table(&self.screen));
        self.screen.keep_live();
        Ok(())
    }

    /// One picture; where there are none, one line for each change.
    async fn show_table(&mut self, started: Instant, what: &str) -> anyhow::Result<()> {
        self.screen.live(&self.board.table(&self.screen));
        self.look(started, what, show_row).await
    }

    /// Tells each step of one resource until its `Ready` has this reason for what is declared now.
    pub(crate) async fn tell_until(&mut self, name: &str, reason: &str) -> anyhow::Result<()> {
        let goal = |face: &Face| face.status == reason && face.tone != Tone::Busy;
        self.tell_while(name, &format!("{name} to be {reason}"), |face| !goal(face)).await
    }

    /// Tells each step of one resource until work on it begins.
    pub(crate) async fn tell_until_busy(&mut self, name: &str) -> anyhow::Result<()> {
        self.tell_while(name, &format!("work on {name} to begin"), |face| face.tone != Tone::Busy).await
    }

    async fn tell_while(&mut self, name: &str, what: &str, goes_on: impl Fn(&Face) -> bool) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.board.row(name).is_none_or(|row| goes_on(&row.face)) {
            let waiting = format!("  {} …", self.screen.sign(Tone::Busy));
            self.screen.live(&[waiting]);
            self.look(started, what, |screen, row| {
                if row.name == name {
                    tell(screen, row);
                }
            })
            .await?;
        }
        self.screen.live(&[]);
        Ok(())
    }

    /// Takes in what is seen within one frame.
    async fn look(&mut self, started: Instant, what: &str, show: impl Fn(&mut Screen, &Row)) -> anyhow::Result<()> {
        let frame = Instant::now();
        while let Some(left) = FRAME.checked_sub(frame.elapsed()) {
            let Ok(seen) = timeout(left, self.seen.recv()).await else { break };
            if let Some(row) = self.board.update(seen.context("the watch has ended")?) {
                show(&mut self.screen, row);
                // Nobody who waits for a state may look past it.
                return Ok(());
            }
        }
        if let Some(casualty) = self.world.casualty() {
            bail!("{casualty}");
        }
        if started.elapsed() > PATIENCE {
            bail!("waited {} s for {what}", PATIENCE.as_secs());
        }
        Ok(())
    }

    /// Says why the story could not go on.
    pub(crate) async fn explain(&mut self, error: &anyhow::Error) {
        self.screen.blank();
        let sign = self.screen.sign(Tone::Bad);
        self.screen.say(&format!("{sign} the story cannot go on: {error:#}"));
        let unsettled: Vec<_> =
            self.board.rows().filter(|row| row.face.tone != Tone::Good).map(|row| row.name).collect();
        self.account_for(&unsettled).await;
    }

    /// The conditions of these resources, and the last words of both operators.
    pub(crate) async fn account_for(&mut self, names: &[&str]) {
        for name in names {
            let stored = self.stored(name).await.unwrap_or_default();
            self.screen.say(&format!("\n{name}: {}", conditions(&stored)));
        }
        for home in [BROKERED, MANUAL] {
            let words = self.world.last_words(home);
            self.screen.say(&format!("\nthe last words of the operator of {home}:\n{words}"));
        }
    }
}

/// A change, where there is no live table to show it.
fn show_row(screen: &mut Screen, row: &Row) {
    if !screen.is_live() {
        let line = row.line(screen);
        screen.say(&line);
    }
}

/// One step of one resource.
fn tell(screen: &mut Screen, row: &Row) {
    screen.step(row.face.tone, &row.face.status, &row.face.message);
}

fn conditions(object: &Value) -> String {
    let listed = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |condition: &Value, name: &str| condition[name].as_str().unwrap_or_default().to_owned();
    let named = listed.iter().map(|entry| text(entry, "type"));
    let lines: Vec<_> = named
        .filter_map(|name| condition(object, &name).cloned())
        .map(|entry| ["type", "status", "reason", "message"].map(|name| text(&entry, name)).join(" "))
        .collect();
    if lines.is_empty() { "no conditions".to_owned() } else { format!("\n  {}", lines.join("\n  ")) }
}

fn api(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<ThreatProtectionTenant>(&()))
}

/// Tells every version of every resource that the API server shows.
async fn watch(resources: Api<DynamicObject>, tell: mpsc::UnboundedSender<Value>) {
    let seen = watcher(resources, watcher::Config::default()).default_backoff().applied_objects();
    let mut seen = std::pin::pin!(seen);
    while let Some(object) = seen.next().await {
        // A watch that breaks begins anew by itself.
        let Some(object) = object.ok().and_then(|object| serde_json::to_value(object).ok()) else { continue };
        if tell.send(object).is_err() {
            return;
        }
    }
}
