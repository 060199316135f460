//! The invariants of `src/lib.rs`, checked by reading the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The only files that may know the host; those below `store` and the like
/// implement a port for it.
const KNOW_THE_HOST: &[&str] = &[
    "cache/spin.rs",
    "component.rs",
    "config/mod.rs",
    "http_client.rs",
    "store/postgres.rs",
    "store/sqlite.rs",
    "timer.rs",
];

/// A source file: its path below `src`, and its text without comments.
struct Source {
    path: String,
    code: String,
}

/// Every `.rs` file below a folder of the repository.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds no source");
    found
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = code.collect::<Vec<_>>().join("\n");
        let path = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        Source { path, code }
    };
    rust_files("src").into_iter().map(read).collect()
}

/// The sources of a layer.
fn layer(name: &str) -> Vec<Source> {
    let prefix = format!("{name}/");
    let files: Vec<_> =
        sources().into_iter().filter(|source| source.path.starts_with(&prefix)).collect();
    assert!(!files.is_empty(), "there is no layer {name}");
    files
}

/// The modules of the crate that a text names behind `crate::`, in braces too.
fn modules_named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let items = match rest.strip_prefix('{') {
            Some(list) => {
                let mut depth = 1;
                let end = list.find(|c| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    depth == 0
                });
                top_level_items(&list[..end.unwrap()])
            }
            None => vec![rest],
        };
        for item in items {
            let name = item.trim_start();
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
            named.insert(name[..end.unwrap_or(name.len())].to_owned());
        }
    }
    named.remove("");
    named
}

/// Splits at the commas that stand in no braces.
fn top_level_items(list: &str) -> Vec<&str> {
    let mut depth = 0;
    list.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    })
    .collect()
}

/// Fails where a source says one of these words.
fn assert_silent(sources: &[Source], words: &[&str]) {
    let mut said = Vec::new();
    for Source { path, code } in sources {
        said.extend(words.iter().filter(|word| code.contains(**word)).map(|word| (path, *word)));
    }
    assert!(said.is_empty(), "{said:?}");
}

/// Fails where a layer names one of these modules.
fn assert_never_names(layer_name: &str, forbidden: &[&str]) {
    for Source { path, code } in layer(layer_name) {
        let named = modules_named(&code);
        let found: Vec<_> = forbidden.iter().filter(|name| named.contains(**name)).collect();
        assert!(found.is_empty(), "{path} names {found:?}");
    }
}

#[test]
fn paths_are_read_as_the_compiler_reads_them() {
    let code = "use crate::a::{b, crate_c};\nuse crate::{d, e::{f, g}, h};\ncrate::i::j();";
    let expected = ["a", "d", "e", "h", "i"].map(str::to_owned);
    assert_eq!(modules_named(code), expected.into());
}

#[test]
fn the_domain_imports_nothing_but_itself_and_the_error() {
    for Source { path, code } in layer("domain") {
        let others = &modules_named(&code) - &["domain", "error"].map(str::to_owned).into();
        assert!(others.is_empty(), "{path} names {others:?}");
    }
    assert_silent(&layer("domain"), &["async fn", "super::super", "axum", "spin_sdk", "http::"]);
}

#[test]
fn the_store_imports_the_domain_and_neither_services_nor_transports() {
    assert_never_names("store", &["service", "transport"]);
    assert_silent(&layer("store"), &["axum", "http::", "StatusCode"]);
}

#[test]
fn services_name_no_status_no_header_and_no_sql() {
    let words = [
        "StatusCode",
        "HeaderMap",
        "HeaderName",
        "HeaderValue",
        "axum",
        "http::",
        "crate::transport",
        "spin_sdk",
        "utoipa",
        "Statement::new",
        "SELECT ",
        "INSERT INTO",
        "DELETE FROM",
        "UPDATE ",
    ];
    assert_silent(&layer("service"), &words);
}

#[test]
fn transports_never_reach_past_the_services() {
    assert_never_names("transport", &["store"]);
    assert_silent(&layer("transport"), &["SELECT ", "INSERT INTO", "DELETE FROM", "Statement"]);
}

#[test]
fn only_who_implements_a_port_for_the_host_knows_it() {
    let knows = |source: &&Source| source.code.contains("spin_sdk");
    let sources = sources();
    let found: BTreeSet<_> =
        sources.iter().filter(knows).map(|source| source.path.as_str()).collect();
    assert_eq!(found, KNOW_THE_HOST.iter().copied().collect());
}

#[test]
fn handlers_are_short() {
    for (folder, begin, end) in [
        ("transport/http", "\npub async fn ", "\n}"),
        ("transport/grpc", "\n    async fn ", "\n    }"),
    ] {
        for Source { path, code } in layer(folder) {
            for handler in code.split(begin).skip(1) {
                let lines = handler.split(end).next().unwrap().lines().count();
                let name = handler.lines().next().unwrap();
                assert!(lines < 30, "{path}: {name} has {lines} lines");
            }
        }
    }
}

#[test]
fn files_stay_short_enough_to_be_read() {
    for folder in ["src", "tests", "host", "bench"] {
        for path in rust_files(folder) {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines < 400, "{} has {lines} lines", path.display());
        }
    }
}

/// The texts in quotes of a source, with their escapes resolved as far as SQL
/// has any.
fn texts(code: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if chars.peek() == Some(&'"') => drop(chars.next()),
            '"' => {
                let mut text = String::new();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => text.extend(chars.next()),
                        c => text.push(c),
                    }
                }
                texts.push(text);
            }
            _ => {}
        }
    }
    texts
}

/// The numbers of the placeholders of a statement, in the order of first use.
fn placeholders(sql: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for rest in sql.split('$').skip(1) {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number = rest[..end].parse().ok();
        found.extend(number.filter(|number| !found.contains(number)));
    }
    found
}

#[test]
fn placeholders_are_first_used_in_ascending_order() {
    assert_eq!(placeholders("$2 $1 $2 $10 ${name} $"), [2, 1, 10]);
    let mut seen = 0;
    for Source { path, code } in layer("store") {
        let code = code.split("#[cfg(test)]").next().unwrap();
        for sql in texts(code) {
            let used = placeholders(&sql);
            seen += usize::from(!used.is_empty());
            let ascending: Vec<_> = (1..=used.len()).collect();
            assert_eq!(used, ascending, "{path}: {sql}");
        }
    }
    assert!(seen > 10, "statements were found");
}

#[test]
fn migrations_are_portable_explained_and_all_applied() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let list = include_str!("../src/store/migrate.rs");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(stem) = name.strip_suffix(".sql") else { continue };
        assert!(list.contains(&format!("migrations/{name}")), "{name} is not in the list");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("-- "), "{name} does not say why it is there");
        // What is for one database only says so in its name.
        let (what, dialect) = stem.split_once('.').unwrap_or((stem, ""));
        assert!(["", "sqlite", "postgres"].contains(&dialect), "{name}");
        let is_numbered =
            |(number, _): (&str, &str)| number.len() == 4 && number.parse::<u32>().is_ok();
        assert!(what == "prepare" || what.split_once('_').is_some_and(is_numbered), "{name}");
        if !dialect.is_empty() {
            continue;
        }
        let code = text.lines().filter(|line| !line.trim_start().starts_with("--"));
        let code = code.collect::<Vec<_>>().join("\n").to_uppercase();
        for word in code.split(|c: char| !c.is_alphanumeric() && c != '_') {
            let foreign = [
                "BLOB",
                "BOOLEAN",
                "BYTEA",
                "COLLATE",
                "CONCURRENTLY",
                "DATETIME",
                "INTEGER",
                "INT",
                "JSON",
                "JSONB",
                "NOW",
                "PRAGMA",
                "REAL",
                "SERIAL",
                "STRICT",
                "TIMESTAMP",
                "TIMESTAMPTZ",
                "TRIGGER",
                "UUID",
                "VARCHAR",
                "WITHOUT",
            ];
            assert!(!foreign.contains(&word), "{name} says {word}");
        }
    }
}
