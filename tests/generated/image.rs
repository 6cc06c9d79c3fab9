//! Is the image built as its documentation says? No container engine is at hand, so its recipe is read. What the recipe runs
//! is run by `tests/end_to_end/image.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::{read, root};

/// The file, and what every instruction says, in order.
fn instructions() -> Vec<(String, String)> {
    let text = read("deploy/image/Dockerfile");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let whole = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let split = |line: &str| {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        (word.to_owned(), rest.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    whole.lines().filter(|line| !line.trim().is_empty()).map(split).collect()
}

fn all<'a>(instructions: &'a [(String, String)], word: &str) -> Vec<&'a str> {
    instructions.iter().filter(|(known, _)| known == word).map(|(_, rest)| rest.as_str()).collect()
}

/// A field of the package in Cargo.toml.
fn of_package(field: &str) -> String {
    let manifest = read("Cargo.toml");
    let line = manifest.lines().find(|line| line.starts_with(&format!("{field} = "))).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

#[test]
fn every_instruction_is_known_and_only_the_build_runs_commands() {
    let instructions = instructions();
    let known = ["FROM", "RUN", "WORKDIR", "COPY", "ARG", "ENV", "LABEL", "USER", "EXPOSE", "ENTRYPOINT", "CMD"];
    for (word, rest) in &instructions {
        assert!(known.contains(&word.as_str()), "{word} {rest}");
    }
    let last = instructions.iter().rposition(|(word, _)| word == "FROM").unwrap();
    let shipped: Vec<_> = instructions[last..].iter().map(|(word, _)| word.as_str()).collect();
    assert!(!shipped.contains(&"RUN") && !shipped.contains(&"ENV"), "the base has no shell: {shipped:?}");
    assert!(instructions[..last].iter().all(|(word, _)| word != "USER" && word != "ENTRYPOINT"));
}

#[test]
fn the_compiler_is_pinned_and_fits_the_manifest_and_nothing_else_is_below() {
    let instructions = instructions();
    let bases = all(&instructions, "FROM");
    let [build, shipped] = bases.as_slice() else { panic!("two stages: {bases:?}") };
    let (name, tag) = build.split_whitespace().next().unwrap().rsplit_once(':').unwrap();
    let (compiler, debian) = tag.split_once('-').unwrap();
    assert_eq!(name, "docker.io/library/rust");
    assert_eq!(compiler, format!("{}.0", of_package("rust-version")), "{build}");
    // A release of Debian, whose C library goes into the program.
    assert_eq!(debian, "bookworm");
    assert_eq!(*shipped, "scratch", "nothing below the program");
}

#[test]
fn nobody_is_root_and_the_program_belongs_to_nobody_else() {
    let instructions = instructions();
    assert_eq!(all(&instructions, "USER"), ["65532:65532"]);
    assert_eq!(all(&instructions, "ENTRYPOINT"), [r#"["/usr/local/bin/threat-protection-operator"]"#]);
    let copied: Vec<_> = all(&instructions, "COPY").into_iter().filter(|copy| copy.contains("--from=")).collect();
    assert_eq!(copied, ["--from=build --chown=0:0 /build/target/image/root/ /"], "all that the script has put there");
    assert_eq!(all(&instructions, "WORKDIR"), ["/build"]);
}

#[test]
fn a_build_can_be_repeated() {
    let instructions = instructions();
    let runs = all(&instructions, "RUN");
    let [_, fetch, build] = runs.as_slice() else { panic!("{runs:?}") };
    assert_eq!(*fetch, "cargo fetch --locked");
    let script = "deploy/image/build.sh target/image";
    assert_eq!(*build, format!("CARGO_NET_OFFLINE=true SOURCE_DATE_EPOCH=\"$SOURCE_DATE_EPOCH\" {script}"));
    let arguments = all(&instructions, "ARG");
    assert!(arguments.contains(&format!("VERSION={}", of_package("version")).as_str()), "{arguments:?}");
    // Ours, and that of the C library.
    let licences = format!("org.opencontainers.image.licenses=\"{} AND LGPL-2.1-or-later\"", of_package("license"));
    assert!(all(&instructions, "LABEL").join(" ").contains(&licences), "{licences}");
}

/// The build sees a list of what it needs; everything else, history and local files above all, stays outside.
#[test]
fn nothing_gets_into_the_build_that_is_not_named() {
    let text = read("deploy/image/Dockerfile.dockerignore");
    let rules: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(rules.first(), Some(&"*"));
    for rule in &rules[1..] {
        let path = rule.strip_prefix('!').unwrap_or_else(|| panic!("{rule} takes away what the first line has taken"));
        assert!(root(path).exists(), "{rule}");
    }
    for script in ["build.sh", "sbom.sh"] {
        assert!(rules.contains(&format!("!deploy/image/{script}").as_str()), "{script}");
    }
    let manifest = read("Cargo.toml");
    for path in manifest.lines().filter_map(|line| line.strip_prefix("path = ")) {
        let folder = path.trim_matches('"').split('/').next().unwrap();
        assert!(rules.contains(&format!("!{folder}").as_str()), "{path}");
    }
}

/// The C compiler tells where the C library is, and by the bare name that it is not.
#[test]
fn a_missing_c_library_is_named_with_the_packages_that_have_it() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = folder.path().join("cc");
    fs::write(&compiler, "#!/bin/sh\necho libc.a\n").unwrap();
    fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(root("deploy/image/build.sh"));
    let output = command.arg(folder.path().join("image")).env("CC", compiler).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for word in ["libc.a", "libc6-dev", "glibc-static"] {
        assert!(said.contains(word), "{said}");
        assert!(word == "libc.a" || read("README.md").contains(word), "{word} is not in README.md");
    }
}
