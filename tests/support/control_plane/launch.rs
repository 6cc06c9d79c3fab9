//! The command lines of one control plane, and the addresses and files in them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is written to the audit log: every request about our resource and about what the operator writes beside it,
/// and everything that a service account or an impersonated user asks. Never a body. The API server's talk with itself
/// is left out.
pub(super) const AUDIT_POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1",
  "kind": "Policy",
  "omitStages": ["RequestReceived"],
  "rules": [
    {"level": "None", "users": ["system:apiserver"]},
    {"level": "Metadata", "resources": [
      {"group": "threatprotection.dev"},
      {"group": "coordination.k8s.io", "resources": ["leases"]},
      {"group": "events.k8s.io", "resources": ["events"]},
      {"group": "", "resources": ["events", "secrets"]}
    ]},
    {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
    {"level": "None"}
  ]
}"#;

/// The file with the certificate of the authority behind the API server.
pub(super) const AUTHORITY: &str = "authority.crt";

/// The controllers that finish a namespace, collect garbage and give each namespace its service account.
pub(super) const HOUSEKEEPING: [&str; 3] =
    ["namespace-controller", "garbage-collector-controller", "serviceaccount-controller"];

/// Those that make pods of a Deployment, watch over their disruption, and give each namespace the authority that its pods
/// trust.
pub(super) const WORKLOADS: [&str; 4] = [
    "deployment-controller",
    "replicaset-controller",
    "disruption-controller",
    "root-ca-certificate-publisher-controller",
];

/// Where everything of one control plane is.
#[derive(Debug)]
pub(super) struct Layout {
    /// The directory of this run.
    pub(super) root: PathBuf,
    /// The binary of etcd.
    pub(super) etcd: PathBuf,
    /// The binary of the API server.
    pub(super) apiserver: PathBuf,
    /// The port of etcd.
    pub(super) etcd_port: u16,
    /// The port of the API server.
    pub(super) apiserver_port: u16,
    /// Whether the API server keeps an audit log.
    pub(super) audit: bool,
}

impl Layout {
    /// The address of the API server.
    pub(super) fn server(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.apiserver_port))
    }

    /// Where the component `name` writes its output.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.log"))
    }

    /// Where the audit log is.
    pub(super) fn audit_log(&self) -> PathBuf {
        self.root.join("audit.jsonl")
    }

    /// etcd, which need not survive a power cut.
    pub(super) fn etcd(&self) -> Command {
        let clients = format!("http://127.0.0.1:{}", self.etcd_port);
        let mut command = Command::new(&self.etcd);
        command.args(["--unsafe-no-fsync", "--log-level=warn", "--listen-peer-urls=http://127.0.0.1:0"]);
        command.arg(format!("--listen-client-urls={clients}")).arg(format!("--advertise-client-urls={clients}"));
        command.arg(path_flag("--data-dir", &self.root.join("etcd")));
        command
    }

    /// The API server, with its default admission and with RBAC, as clusters have it.
    pub(super) fn apiserver(&self) -> Command {
        let file = |name: &str| self.root.join(name);
        let mut command = Command::new(&self.apiserver);
        command.args(["--bind-address=127.0.0.1", "--authorization-mode=RBAC", "--anonymous-auth=false"]);
        // There is no network that services could be on, and perhaps no interface but the loopback.
        command.args(["--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none"]);
        command.args(["--service-cluster-ip-range=10.0.0.0/24"]);
        command.args(["--service-account-issuer=https://kubernetes.default.svc.cluster.local"]);
        command.arg(format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port));
        command.arg(format!("--secure-port={}", self.apiserver_port));
        for (flag, name) in [
            ("--cert-dir", "own-certificates"),
            ("--tls-cert-file", "server.crt"),
            ("--tls-private-key-file", "server.key"),
            ("--token-auth-file", "tokens.csv"),
            ("--service-account-key-file", "service-account.pub"),
            ("--service-account-signing-key-file", "service-account.key"),
        ] {
            command.arg(path_flag(flag, &file(name)));
        }
        if self.audit {
            command.arg(path_flag("--audit-policy-file", &file("audit-policy.json")));
            command.arg(path_flag("--audit-log-path", &self.audit_log()));
        }
        command
    }

    /// kube-controller-manager with the controllers that these names say.
    pub(super) fn controllers(&self, binary: &Path, kubeconfig: &Path, names: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command.args(["--leader-elect=false", "--secure-port=0"]);
        command.arg(format!("--controllers={}", names.join(",")));
        command.arg(path_flag("--root-ca-file", &self.root.join(AUTHORITY)));
        command.arg(path_flag("--kubeconfig", kubeconfig)).arg(path_flag("--cert-dir", &self.root));
        command
    }
}

fn path_flag(flag: &str, path: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(flag);
    text.push("=");
    text.push(path);
    text
}

/// Two ports that nobody uses now. Somebody else may take one before we do, which shows when it is bound.
pub(super) fn free_ports() -> io::Result<(u16, u16)> {
    let (first, second) = (TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    Ok((first.local_addr()?.port(), second.local_addr()?.port()))
}
