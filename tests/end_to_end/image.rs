//! The image, without an engine that runs it: its own script builds what is in it, with the flags that a release has, and
//! that is looked at and run. The recipe around it is read by `tests/generated/image.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use cyclonedx_bom::models::component::{Component, Scope};
use cyclonedx_bom::models::license::LicenseChoice;
use cyclonedx_bom::prelude::{Bom, Validate as _};
use object::elf::{DT_NEEDED, ET_DYN, FileHeader64, PF_X, PT_GNU_STACK, PT_INTERP};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};
use serde_json::{Value, json};

use crate::TENANT;
use crate::support::control_plane::process::Process;
use crate::support::stage::{Configuration, Stage};

const SOURCES: &str = env!("CARGO_MANIFEST_DIR");
const NAME: &str = "threat-protection-operator";
const PROGRAM: &str = "usr/local/bin/threat-protection-operator";
const BILL_OF_MATERIALS: &str = "sbom/threat-protection-operator.cdx.json";
/// What is promised: all files together, as they lie on a node.
const MOST_BYTES: u64 = 30_000_000;
/// How often a build says that it is still at work.
const STILL_AT_WORK: Duration = Duration::from_secs(30);

/// The image's files, and beside them what Cargo has said while it built.
struct Built {
    root: PathBuf,
    messages: PathBuf,
    // Another run must not exchange them meanwhile.
    _lock: fs::File,
}

/// One test, because each that waits for the build would keep another from running.
#[tokio::test(flavor = "multi_thread")]
async fn the_image_is_small_and_static_and_tells_what_is_in_it_and_does_the_job() {
    let built = tokio::task::spawn_blocking(|| {
        let built = built();
        it_has_five_files_of_less_than_30_mb_that_nobody_can_write(&built);
        its_program_is_static(&built);
        its_program_does_not_tell_where_it_was_built(&built);
        its_program_needs_nothing_but_itself(&built);
        its_bill_of_materials_lists_what_was_compiled_and_nothing_else(&built);
        its_bill_of_materials_says_of_each_part_what_it_is(&built);
        built
    });
    its_program_turns_a_tenant_on(&built.await.unwrap()).await;
}

/// Built where the sources have changed: Cargo knows.
fn built() -> Built {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("image");
    fs::create_dir_all(&folder).unwrap();
    let lock = fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    build(&folder);
    Built { root: folder.join("root"), messages: folder.join("built.json"), _lock: lock }
}

/// In the background of the other tests, which wait for processes most of the time.
fn build(folder: &Path) {
    let log = folder.join("build.log");
    fs::write(&log, "").unwrap();
    let mut command = Command::new("nice");
    command.arg(format!("{SOURCES}/deploy/image/build.sh")).arg(folder).env("CARGO_NET_OFFLINE", "true");
    // On a leash, because a compiler would go on for minutes after a Ctrl-C.
    let mut script = Process::spawn(&command, &log, None).unwrap();
    let (started, mut said) = (Instant::now(), Instant::now());
    let status = loop {
        if let Some(status) = script.ended().unwrap() {
            break status;
        }
        if said.elapsed() > STILL_AT_WORK {
            said = Instant::now();
            // Not `eprintln`, which the test harness swallows. Nobody to tell is no reason to fail.
            let _ = writeln!(std::io::stderr(), "image: building it for release, {} s", started.elapsed().as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(status.success(), "{status}: {}", script.last_words());
}

/// Path, size and mode of every file.
fn files(folder: &Path, found: &mut BTreeMap<PathBuf, (u64, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let about = path.symlink_metadata().unwrap();
        if about.is_dir() {
            files(&path, found);
        } else {
            assert!(about.is_file(), "{}", path.display());
            found.insert(path, (about.len(), about.permissions().mode() & 0o7777));
        }
    }
}

/// Runs the program without an environment, in a directory that has nothing and is its home.
fn run(built: &Built, arguments: &[&str]) -> Output {
    let empty = tempfile::tempdir().unwrap();
    let mut command = Command::new(built.root.join(PROGRAM));
    command.args(arguments).env_clear().env("HOME", empty.path()).current_dir(empty.path()).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(fs::read_dir(empty.path()).unwrap().next().is_none(), "it has written something");
    output
}

fn printed(built: &Built, arguments: &[&str]) -> String {
    let output = run(built, arguments);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn it_has_five_files_of_less_than_30_mb_that_nobody_can_write(built: &Built) {
    let root = &built.root;
    let mut found = BTreeMap::new();
    files(root, &mut found);
    let modes: Vec<_> = found.iter().map(|(path, (_, mode))| (path.strip_prefix(root).unwrap(), *mode)).collect();
    let expected = [
        ("etc/ssl/certs/ca-certificates.crt", 0o444),
        ("licenses/LICENSE", 0o444),
        ("licenses/glibc/LGPL-2.1", 0o444),
        (BILL_OF_MATERIALS, 0o444),
        (PROGRAM, 0o555),
    ];
    assert_eq!(modes, expected.map(|(path, mode)| (Path::new(path), mode)));
    let bytes: u64 = found.values().map(|(bytes, _)| bytes).sum();
    assert!(bytes < MOST_BYTES, "{bytes} bytes: {found:#?}");
    let authorities = fs::read_to_string(root.join("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert!(authorities.matches("-----BEGIN CERTIFICATE-----").count() > 50, "the authorities of the web");
    for file in ["LICENSE", "deploy/image/licenses/LGPL-2.1"] {
        let shipped = root.join("licenses").join(file.replace("deploy/image/licenses", "glibc"));
        assert_eq!(fs::read(shipped).unwrap(), fs::read(Path::new(SOURCES).join(file)).unwrap(), "{file}");
    }
}

/// No loader and no library at run time, wherever it lies in memory.
fn its_program_is_static(built: &Built) {
    let bytes = fs::read(built.root.join(PROGRAM)).unwrap();
    let data = bytes.as_slice();
    let header = FileHeader64::<object::Endianness>::parse(data).unwrap();
    let endian = header.endian().unwrap();
    let segments = header.program_headers(endian, data).unwrap();
    assert!(segments.len() > 3, "{}", segments.len());
    assert_eq!(header.e_type(endian), ET_DYN, "position-independent");
    for segment in segments {
        let kind = segment.p_type(endian);
        assert_ne!(kind, PT_INTERP, "it asks for a loader");
        assert!(kind != PT_GNU_STACK || segment.p_flags(endian) & PF_X == 0, "its stack can be executed");
        for entry in segment.dynamic(endian, data).unwrap().unwrap_or_default() {
            assert_ne!(entry.tag(endian), DT_NEEDED, "it asks for a library");
        }
    }
}

fn its_program_does_not_tell_where_it_was_built(built: &Built) {
    let bytes = fs::read(built.root.join(PROGRAM)).unwrap();
    let home = std::env::var("HOME").unwrap_or_default();
    let of = |variable: &str, usual: &str| std::env::var(variable).unwrap_or_else(|_| format!("{home}/{usual}"));
    let (cargo, rustup) = (of("CARGO_HOME", ".cargo"), of("RUSTUP_HOME", ".rustup"));
    let finder = |words: &str| bytes.windows(words.len()).position(|window| window == words.as_bytes());
    let folder = built.root.parent().unwrap().to_str().unwrap();
    let paths = [SOURCES, folder, &home, &cargo, &rustup];
    // A path of one part, such as `/src`, is part of others.
    for path in paths.into_iter().filter(|path| Path::new(path).components().count() > 2) {
        let around = finder(path).map(|at| String::from_utf8_lossy(&bytes[at..(at + 120).min(bytes.len())]));
        assert_eq!(around, None, "{path}");
    }
    // The looking itself finds something: a path of a source and one of a crate, as they are without a machine.
    assert!(finder("src/main.rs").is_some() || finder("src/cli/").is_some());
    assert!(finder("cargo/registry/src/").is_some());
}

fn its_program_needs_nothing_but_itself(built: &Built) {
    assert_eq!(printed(built, &["--version"]), format!("{NAME} {}\n", env!("CARGO_PKG_VERSION")));
    let definition = fs::read_to_string(format!("{SOURCES}/crds/threatprotectiontenants.yaml")).unwrap();
    let (_, definition) = definition.split_once('\n').unwrap();
    assert_eq!(printed(built, &["crd"]), definition);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "tenancy: []\nprobes: { listen: '127.0.0.1:0' }\n").unwrap();
    let path = file.path().to_str().unwrap();
    assert!(printed(built, &["run", "--check-config", "--config", path]).contains("every step is a person's"));
    // Outside of a cluster there is nothing to do, and it says so.
    let output = run(built, &["run", "--config", path]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no way into a cluster"), "{output:?}");
}

/// On a real API server. The broker has a name, so that the C library has to look it up.
async fn its_program_turns_a_tenant_on(built: &Built) {
    let program = built.root.join(PROGRAM);
    let stage = Stage::open("image").await;
    stage.simulator.seed(TENANT, json!({"services": ["Endpoint"]})).await.unwrap();
    let mut configuration = Configuration { program, ..stage.configuration() };
    let address = configuration.broker.as_ref().unwrap().broker_url.replace("127.0.0.1", "localhost");
    assert!(address.contains("localhost"), "{address}");
    configuration.broker_url = Some(address);
    let _operator = stage.operator(&configuration).await;
    stage.apply("contoso", json!({"tenantId": TENANT, "dataLocation": {"region": "EU"}})).await.unwrap();
    stage.until_ready("contoso", "True", "Enabled").await;
}

/// What Cargo has compiled, as `name@version`, each with whether it is in the program or only builds it.
fn compiled(built: &Built) -> BTreeMap<String, bool> {
    let text = fs::read_to_string(&built.messages).unwrap();
    let messages: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // What is for the program lies beside it, what is for the building of it elsewhere.
    let program = messages.iter().find_map(|message| message["executable"].as_str()).unwrap();
    let beside = Path::new(program).parent().unwrap();
    let mut found = BTreeMap::new();
    for message in messages.iter().filter(|message| message["reason"] == "compiler-artifact") {
        let (source, package) = message["package_id"].as_str().unwrap().split_once('#').unwrap();
        if !source.starts_with("path+") {
            assert_eq!(source, "registry+https://github.com/rust-lang/crates.io-index", "{package}");
            let is_in = Path::new(message["filenames"][0].as_str().unwrap()).starts_with(beside);
            *found.entry(package.to_owned()).or_default() |= is_in;
        }
    }
    assert!(found.len() > 200, "{}", found.len());
    found
}

/// The checksum of every crate, by `name@version`.
fn locked() -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("{SOURCES}/Cargo.lock")).unwrap();
    let field = |package: &str, name: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))?;
        Some(line.trim_matches('"').to_owned())
    };
    let packages = text.split("[[package]]").skip(1);
    packages
        .filter_map(|package| {
            let name = format!("{}@{}", field(package, "name")?, field(package, "version")?);
            Some((name, field(package, "checksum")?))
        })
        .collect()
}

/// As the standard's own library reads it.
fn bill_of_materials(built: &Built) -> Bom {
    let text = fs::read_to_string(built.root.join(BILL_OF_MATERIALS)).unwrap();
    let bill = Bom::parse_from_json(text.as_bytes()).unwrap();
    let problems = bill.validate();
    assert!(problems.passed(), "{problems:?}");
    bill
}

fn name_and_version(component: &Component) -> String {
    format!("{}@{}", component.name, component.version.as_ref().unwrap())
}

fn is_crate(component: &Component) -> bool {
    component.purl.as_ref().unwrap().as_ref().starts_with("pkg:cargo/")
}

fn its_bill_of_materials_lists_what_was_compiled_and_nothing_else(built: &Built) {
    let bill = bill_of_materials(built);
    let own = bill.metadata.unwrap().component.unwrap();
    assert_eq!(name_and_version(&own), format!("{NAME}@{}", env!("CARGO_PKG_VERSION")));
    let components = bill.components.unwrap().0;
    let (crates, others): (Vec<_>, Vec<_>) = components.iter().partition(|component| is_crate(component));
    let listed: BTreeMap<_, _> =
        crates.iter().map(|one| (name_and_version(one), one.scope == Some(Scope::Required))).collect();
    assert_eq!(listed, compiled(built));
    assert_eq!(listed.len(), crates.len(), "each once");
    // No crates, and in the program all the same.
    let others: Vec<_> = others.iter().map(|component| component.name.to_string()).collect();
    assert_eq!(others, [if cfg!(target_env = "musl") { "musl" } else { "glibc" }, "rust-std"]);
}

fn its_bill_of_materials_says_of_each_part_what_it_is(built: &Built) {
    let bill = bill_of_materials(built);
    let dependencies = bill.dependencies.unwrap().0;
    let used: BTreeSet<_> = dependencies.iter().flat_map(|dependency| &dependency.dependencies).collect();
    let checksums = locked();
    for component in bill.components.unwrap().0 {
        let name = name_and_version(&component);
        let licences = component.licenses.as_ref().map(|licences| licences.0.as_slice()).unwrap_or_default();
        assert!(matches!(licences, [LicenseChoice::Expression(_)]), "{name}: {licences:?}");
        assert!(used.contains(component.bom_ref.as_ref().unwrap()), "nobody uses {name}");
        let hashes = component.hashes.iter().flat_map(|hashes| &hashes.0);
        let hashes: Vec<_> = hashes.map(|hash| hash.content.0.as_str()).collect();
        let locked = checksums.get(&name).filter(|_| is_crate(&component));
        assert_eq!(hashes, locked.into_iter().collect::<Vec<_>>(), "{name}");
        assert_eq!(hashes.is_empty(), !is_crate(&component), "{name}");
    }
}
