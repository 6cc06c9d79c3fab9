//! Is the README's way to install the operator one that works? Its own text is run, as if pasted into a terminal.
//!
//! A block that is run has a comment `<!-- run: name -->` above it, a file that its commands read `<!-- file: name -->`, and
//! what it prints `<!-- prints: name -->`.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::node::Node;
use crate::support::control_plane::assets::{self, Tool};
use crate::support::control_plane::process::{Process, is_running};
use crate::support::control_plane::{ControlPlane, Options};
use crate::support::helm;
use crate::support::simulator::Simulator;
use crate::support::stage::{Announcement, PROGRAM};

const README: &str = include_str!("../../README.md");
const SECTION: &str = "## Installing it\n";
const TENANT: &str = "8d3f2f3e-5a53-4c8e-9c3e-0d6f3a1c7b11";
/// The longest that a script may take to its end or its gate; its own commands give up earlier.
const PATIENCE: Duration = Duration::from_mins(4);

/// The text of the one block below the comment `<!-- mark -->`.
fn block(mark: &str) -> String {
    let comment = format!("<!-- {mark} -->\n```");
    let mut found = README.split(comment.as_str()).skip(1);
    let (Some(rest), None) = (found.next(), found.next()) else {
        panic!("README.md has not exactly one block with {mark}")
    };
    let (_, text) = rest.split_once('\n').unwrap();
    let (text, _) = text.split_once("\n```\n").expect("a block has an end");
    format!("{text}\n")
}

/// A terminal in a copy of the repository, with what the README asks for in its path.
struct Terminal<'a> {
    plane: &'a ControlPlane,
    node: Node<'a>,
    home: tempfile::TempDir,
    /// Where the simulator is to listen.
    simulator: String,
}

impl<'a> Terminal<'a> {
    async fn open(plane: &'a ControlPlane) -> Self {
        let node = Node::start(plane).await;
        let home = tempfile::tempdir().unwrap();
        let [kubectl] = assets::locate([Tool::Kubectl]).unwrap();
        let programs: [(&str, PathBuf); 3] =
            [("kubectl", kubectl), ("helm", helm::locate().unwrap()), ("threat-protection-operator", PROGRAM.into())];
        for folder in ["bin", "repository", "tmp"] {
            fs::create_dir(home.path().join(folder)).unwrap();
        }
        for (name, program) in programs {
            symlink(fs::canonicalize(program).unwrap(), home.path().join("bin").join(name)).unwrap();
        }
        // So that nothing the text writes gets into the repository.
        for name in ["charts", "crds", "deploy"] {
            let original = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            symlink(original, home.path().join("repository").join(name)).unwrap();
        }
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        Self { plane, node, home, simulator: free.to_string() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Starts a script in the shell; it ends with everything that it has started.
    fn start(&self, script: &str) -> Process {
        let file = self.path("script");
        fs::write(&file, script).unwrap();
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail"]).arg(file).current_dir(self.path("repository"));
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        command.env("HOME", self.home.path()).env("TMPDIR", self.path("tmp")).env("SIMULATOR", &self.simulator);
        command.env("KUBECONFIG", self.plane.kubeconfig_path()).env("KUBECACHEDIR", self.path("kubectl-cache"));
        for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(name, self.path(name));
        }
        for name in ["HELM_NAMESPACE", "HELM_KUBECONTEXT", "HELM_DRIVER", "HELM_DEBUG"] {
            command.env_remove(name);
        }
        Process::spawn(&command, &self.path("printed"), None).unwrap()
    }

    /// Waits until a script has ended, which must succeed, or has come to where it makes the file `gate`.
    async fn until(&self, script: &mut Process, gate: Option<&str>) -> String {
        let start = Instant::now();
        loop {
            let printed = fs::read_to_string(self.path("printed")).unwrap_or_default();
            if gate.is_some_and(|gate| self.path(gate).exists()) {
                return printed;
            }
            if let Some(status) = script.ended().unwrap() {
                assert!(status.success() && gate.is_none(), "{status}:\n{printed}\n{}", self.node.logs());
                return fs::read_to_string(self.path("printed")).unwrap();
            }
            assert!(start.elapsed() < PATIENCE, "no end:\n{printed}\n{}", self.node.logs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs a script to its end and gives what it has printed.
    async fn run(&self, script: &str) -> String {
        let _ = fs::remove_file(self.path("printed"));
        let mut running = self.start(script);
        self.until(&mut running, None).await
    }

    async fn read(&self, arguments: &[&str]) -> Value {
        let output = self.plane.kubectl(&[arguments, &["--output=json"]].concat()).await.unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }
}

/// The lines of a table without the last column, which is an age.
fn ageless(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .map(|line| {
            let mut words: Vec<&str> = line.split_whitespace().collect();
            words.pop();
            words
        })
        .collect()
}

#[test]
#[should_panic(expected = "not exactly one block")]
fn a_block_that_is_not_there_is_noticed() {
    block("run: nothing");
}

#[test]
fn every_command_of_the_section_is_run() {
    let (_, section) = README.split_once(SECTION).expect("the section is there");
    let (section, _) = section.split_once("\n## ").expect("it is not the last one");
    let shells = section.matches("```sh\n").count();
    let marked = section.lines().zip(section.lines().skip(1));
    let marked = marked.filter(|(above, line)| *line == "```sh" && above.starts_with("<!-- run: ")).count();
    assert!(shells > 3 && shells == marked, "{marked} of {shells} blocks can be run by name");
}

#[tokio::test]
async fn from_helm_install_to_a_ready_tenant_and_back_on_the_simulator() {
    let plane = ControlPlane::start(Options::default()).unwrap();
    let terminal = Terminal::open(&plane).await;
    let gates = ": > ../reached; until [ -e ../seen ]; do sleep 0.1; done\n";
    let script = ["run: simulator", "run: install", "run: tenant"].map(block).concat() + gates + &block("run: remove");
    let mut script = terminal.start(&script);
    let printed = terminal.until(&mut script, Some("reached")).await;

    let table = block("prints: tenant");
    for line in ageless(&table) {
        assert!(ageless(&printed).contains(&line), "{line:?} is not in\n{printed}");
    }
    let deployment = terminal.read(&["get", "deployment", "--all-namespaces"]).await;
    assert_eq!(deployment["items"][0]["status"]["readyReplicas"], 2, "{deployment}");
    let announced = fs::read_dir(terminal.path("tmp")).unwrap().map(|entry| entry.unwrap().path());
    let announced = announced.map(|folder| folder.join("simulator.json.announcement")).find(|file| file.exists());
    let announced = fs::read(announced.expect("the simulator says where it is")).unwrap();
    let announcement: Announcement = serde_json::from_slice(&announced).unwrap();
    assert_eq!(announcement.broker_url, format!("https://{}", terminal.simulator));
    let simulator = Simulator::new(&announcement.control_url);
    let effects = simulator.effects(TENANT).await.unwrap();
    assert_eq!(effects.iter().filter(|effect| *effect == "turnedOn").count(), 1, "{effects:?}");
    fs::write(terminal.path("seen"), "").unwrap();

    let printed = terminal.until(&mut script, None).await;
    let contoso = printed.lines().filter(|line| line.starts_with("contoso ")).count();
    assert_eq!(contoso, 2, "the resource was there after the uninstall:\n{printed}");
    for kind in ["crd", "pods", "deployment"] {
        let left = terminal.read(&["get", kind, "--all-namespaces"]).await;
        assert_eq!(left["items"], Value::Array(Vec::new()), "{kind}");
    }
    let process: Value = serde_json::from_slice(&announced).unwrap();
    let process = process["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap();
    let start = Instant::now();
    while is_running(process) {
        assert!(start.elapsed() < PATIENCE, "the simulator still runs");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_installation_by_helm_and_by_kustomize_runs() {
    let plane = ControlPlane::start(Options::default()).unwrap();
    let terminal = Terminal::open(&plane).await;
    fs::write(terminal.path("repository/values.yaml"), block("file: values.yaml")).unwrap();
    // What the values name. It comes after the pods, which wait for it.
    let named = "
        namespace='--namespace threat-protection-operator'
        kubectl create secret generic broker $namespace --from-literal=password=hush
        threat-protection-operator simulate --state authority.json & 
        until [ -s authority.json.ca.pem ]; do sleep 0.1; done
        kill $!
        kubectl create configmap authorities $namespace --from-file=ca.crt=authority.json.ca.pem
    ";
    let available = "kubectl rollout status deployment/threat-protection-operator --timeout=2m --namespace threat-protection-operator\n";
    terminal.run(&[&block("run: helm"), named, available].concat()).await;

    terminal.run("helm uninstall threat-protection-operator --wait --namespace threat-protection-operator").await;
    let printed = terminal.run(&[&block("run: kustomize"), available].concat()).await;
    assert!(printed.contains("successfully rolled out"), "{printed}");
}
