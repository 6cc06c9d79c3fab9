//! Is the image built as its documentation says? No container engine is at hand, so its recipe is read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

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
fn the_bases_are_pinned_and_fit_each_other_and_the_manifest() {
    let instructions = instructions();
    let bases = all(&instructions, "FROM");
    let [build, shipped] = bases.as_slice() else { panic!("two stages: {bases:?}") };
    let tag = |base: &str| base.split_whitespace().next().unwrap().rsplit_once(':').unwrap().1.to_owned();
    for base in &bases {
        assert!(!["latest", "debug", "stable", "slim"].contains(&tag(base).as_str()), "{base}");
    }
    let (compiler, debian) = tag(build).split_once('-').map(|(one, two)| (one.to_owned(), two.to_owned())).unwrap();
    assert_eq!(compiler, format!("{}.0", of_package("rust-version")), "{build}");
    // The program needs the C library that it was linked against.
    assert_eq!(debian, "bookworm");
    assert_eq!(*shipped, "gcr.io/distroless/cc-debian12:nonroot");
    let labels = all(&instructions, "LABEL").join(" ");
    assert!(labels.contains(&format!("org.opencontainers.image.base.name=\"{shipped}\"")), "{labels}");
}

#[test]
fn nobody_is_root_and_the_program_belongs_to_nobody_else() {
    let instructions = instructions();
    assert_eq!(all(&instructions, "USER"), ["65532:65532"]);
    assert_eq!(all(&instructions, "ENTRYPOINT"), [r#"["/usr/local/bin/threat-protection-operator"]"#]);
    let copied: Vec<_> = all(&instructions, "COPY").into_iter().filter(|copy| copy.contains("--from=build")).collect();
    assert_eq!(copied.len(), 2, "the program and its licence: {copied:?}");
    for copy in copied {
        assert!(
            copy.contains("--chown=0:0") && (copy.contains("--chmod=0555") || copy.contains("--chmod=0444")),
            "{copy}"
        );
    }
}

#[test]
fn a_build_can_be_repeated() {
    let instructions = instructions();
    let runs = all(&instructions, "RUN").join("\n");
    for line in runs.lines().filter(|line| line.starts_with("cargo")) {
        assert!(line.contains("--locked"), "{line}");
    }
    assert!(runs.contains("--offline"), "{runs}");
    let environment = all(&instructions, "ENV").join(" ");
    for word in ["SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}", "--remap-path-prefix=/build=", "-ffile-prefix-map=/build="] {
        assert!(environment.contains(word), "{word}");
    }
    let arguments = all(&instructions, "ARG");
    assert!(arguments.contains(&format!("VERSION={}", of_package("version")).as_str()), "{arguments:?}");
    assert!(all(&instructions, "LABEL").join(" ").contains("org.opencontainers.image.licenses=\"Apache-2.0\""));
    assert_eq!(of_package("license"), "Apache-2.0");
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
    let manifest = read("Cargo.toml");
    for path in manifest.lines().filter_map(|line| line.strip_prefix("path = ")) {
        let folder = path.trim_matches('"').split('/').next().unwrap();
        assert!(rules.contains(&format!("!{folder}").as_str()), "{path}");
    }
}

/// Runs the script with a program of this text instead of cargo.
fn bill_of_materials(cargo: &str) -> (Output, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let stand_in = folder.path().join("cargo");
    fs::write(&stand_in, format!("#!/bin/sh\n{cargo}\n")).unwrap();
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.arg(root("deploy/image/sbom.sh")).arg(folder.path().join("sbom")).env("PATH", path);
    (command.output().unwrap(), folder)
}

#[test]
fn the_bill_of_materials_says_what_is_missing_or_where_it_is() {
    let (output, _folder) = bill_of_materials("exit 101");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("cargo install --locked cargo-cyclonedx"), "{said}");
    let (output, folder) = bill_of_materials("[ \"$2\" = --version ] || echo {} > one_bin.cdx.json");
    assert!(output.status.success(), "{output:?}");
    let written = folder.path().join("sbom/one_bin.cdx.json");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), written.to_string_lossy());
    assert!(written.exists() && !root("one_bin.cdx.json").exists());
}
