//! The paths that a Rust file names, found without a compiler.

/// A module, or a path within the crate, as its segments.
pub(crate) type Module = Vec<String>;

/// The module of a file under `src/`; empty for the root of the crate.
pub(crate) fn module_of(path: &str) -> Module {
    let mut module: Module = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        module.pop();
    }
    module
}

/// The text up to its inline tests.
pub(crate) fn without_tests(text: &str) -> String {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned()
}

/// The text without comments and without what stands in strings and characters.
pub(crate) fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| string(rest)).or_else(|| character(rest));
        let length = skipped.unwrap_or(first.len_utf8());
        code.push(if skipped.is_some() { ' ' } else { first });
        // The letters before a quote may make it a raw string, but never a part of a longer word.
        rest = &rest[length..];
        if first.is_alphanumeric() || first == '_' {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            if skipped.is_none() {
                code.push_str(&rest[..word]);
                rest = &rest[word..];
            }
        }
    }
    code
}

fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    text.starts_with("/*").then(|| text.find("*/").map_or(text.len(), |end| end + 2))
}

fn string(text: &str) -> Option<usize> {
    let raw = text.strip_prefix("br").or_else(|| text.strip_prefix('r')).and_then(|after| {
        let hashes = after.len() - after.trim_start_matches('#').len();
        after[hashes..].starts_with('"').then_some((text.len() - after.len() + hashes + 1, hashes))
    });
    if let Some((start, hashes)) = raw {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(text[start..].find(&end).map_or(text.len(), |at| start + at + end.len()));
    }
    let start = text.strip_prefix("b\"").or_else(|| text.strip_prefix('"')).map(|after| text.len() - after.len())?;
    let mut escaped = false;
    for (at, character) in text[start..].char_indices() {
        match character {
            '"' if !escaped => return Some(start + at + 1),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    Some(text.len())
}

/// A character, as opposed to a lifetime.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    if let Some(escape) = inner.strip_prefix('\\') {
        return escape.get(1..)?.find('\'').map(|end| end + 4);
    }
    let length = inner.chars().next()?.len_utf8();
    inner[length..].starts_with('\'').then_some(length + 2)
}

/// Every path that code names: those of its `use` items, spelled out, and those in between.
pub(crate) fn paths_of(code: &str) -> Vec<Module> {
    let mut paths = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(|c: char| c.is_alphanumeric() || c == '_') {
        rest = &rest[at..];
        let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let word = &rest[..rest.find(|c| !is_path(c)).unwrap_or(rest.len())];
        rest = &rest[word.len()..];
        if word == "use" {
            let tree = rest.split(';').next().unwrap_or_default();
            spell_out("", tree, &mut paths);
            rest = &rest[tree.len()..];
        } else if word.contains("::") {
            paths.push(segments(word));
        }
    }
    paths
}

/// Spells out a tree such as `a::{b, c::{d, e as f}}`.
fn spell_out(prefix: &str, tree: &str, paths: &mut Vec<Module>) {
    let tree = tree.trim();
    match tree.split_once('{') {
        Some((head, inner)) => {
            let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
            for branch in branches(inner) {
                spell_out(&format!("{prefix}{}", head.trim()), branch, paths);
            }
        }
        None if tree.is_empty() => {}
        None => paths.push(segments(&format!("{prefix}{}", tree.split(" as ").next().unwrap_or_default()))),
    }
}

fn branches(inner: &str) -> Vec<&str> {
    let (mut depth, mut start, mut branches) = (0_i32, 0, Vec::new());
    for (at, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    branches.push(&inner[start..]);
    branches
}

fn segments(path: &str) -> Module {
    path.split("::").map(|segment| segment.trim().to_owned()).filter(|segment| !segment.is_empty()).collect()
}

/// Where a path leads within the crate, from the crate's root; `None` for a path that leads elsewhere.
pub(crate) fn resolve(module: &[String], path: &[String]) -> Option<Module> {
    let (first, mut rest) = path.split_first()?;
    let mut base = match first.as_str() {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module.split_last()?.1.to_vec(),
        _ => return None,
    };
    while let Some((first, after)) = rest.split_first().filter(|(first, _)| *first == "super") {
        debug_assert_eq!(first, "super");
        base.pop()?;
        rest = after;
    }
    base.extend_from_slice(rest);
    Some(base)
}
