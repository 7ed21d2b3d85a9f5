//! Every public name and parameter is in `tests/contract/api-surface.json`,
//! and the other way.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sessionwire::agi::{
    CreateSession, EventOptions, ListMessages, RawRequest, SendMessage, SnapshotOptions, StartTask,
    WaitOptions,
};
use sessionwire::{ClientOptions, OptionChanges};

const ADVICE: &str = "tests/contract/api-surface.json and the code differ; see CONTRIBUTING.md";

/// The modules with public names, and what stands before those in the list.
const MODULES: [(&str, &str, &str); 5] = [
    ("lib.rs", "", ""),
    ("agi/mod.rs", "agi", ""),
    ("raccoon/mod.rs", "raccoon", "raccoon."),
    ("sse/mod.rs", "sse", "sse."),
    ("webhooks.rs", "webhooks.rs", "webhooks."),
];

/// Their fields are parameters of calls, and compared as such.
const PARAMETERS: [&str; 9] = [
    "ClientOptions",
    "CreateSession",
    "EventOptions",
    "ListMessages",
    "OptionChanges",
    "RawRequest",
    "SendMessage",
    "SnapshotOptions",
    "WaitOptions",
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/src")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn groups() -> Map<String, Value> {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contract/api-surface.json");
    let list: Value = serde_json::from_str(&read(&list)).unwrap();
    list["surface"].as_object().unwrap().clone()
}

/// The entries that Rust has.
fn wanted() -> BTreeSet<String> {
    groups()
        .into_iter()
        .filter(|(languages, _)| {
            languages == "everywhere" || languages.split(", ").any(|one| one == "rust")
        })
        .flat_map(|(_, entries)| entries.as_object().unwrap().clone())
        .map(|(name, _)| name)
        .collect()
}

/// The name of the list: the client is called after its service there.
fn listed(prefix: &str, name: &str) -> String {
    match (prefix, name) {
        ("", "Client") => "Agi".to_owned(),
        _ => format!("{prefix}{name}"),
    }
}

/// What a module exports with `pub use`; of a module below it, that may be all.
fn exports(file: &Path) -> BTreeSet<String> {
    read(file)
        .split("pub use ")
        .skip(1)
        .filter_map(|rest| rest.split_once(';'))
        .flat_map(|(path, _)| {
            if let Some(module) = path.strip_suffix("::*") {
                let module = file.with_file_name(format!("{module}.rs"));
                let all = definitions(&read(&module)).into_iter();
                return all.chain(exports(&module)).collect();
            }
            let names = path.split_once('{').map_or_else(
                || path.rsplit("::").next().unwrap_or_default(),
                |(_, names)| names.trim_end_matches('}'),
            );
            names
                .split(',')
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What a module of one file defines.
fn definitions(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("pub "))
        .filter_map(|rest| rest.split_once(' '))
        .filter(|(kind, _)| matches!(*kind, "struct" | "enum" | "fn" | "const" | "type"))
        .filter_map(|(_, rest)| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
        })
        .map(str::to_owned)
        .collect()
}

/// Every file below a folder, or below the whole crate but for the other modules
/// where the folder is empty.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut open = vec![source().join(folder)];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let inside = fs::read_dir(&path).unwrap();
            open.extend(inside.map(|entry| entry.unwrap().path()));
        } else {
            found.push(path);
        }
    }
    let others: Vec<_> = MODULES
        .iter()
        .filter(|(_, other, _)| !other.is_empty() && folder.is_empty())
        .map(|(_, other, _)| source().join(other))
        .collect();
    found.retain(|path| !others.iter().any(|other| path.starts_with(other)));
    found
}

/// The type whose block of public things starts with this line.
fn opened(line: &str) -> Option<&str> {
    let rest = line
        .strip_prefix("impl ")
        .or_else(|| line.strip_prefix("pub struct "))?;
    let rest = rest.strip_suffix(" {")?;
    // `impl Trait for Type` is not about names of ours.
    let name = rest.split('<').next()?;
    (!rest.contains(' ')).then_some(name)
}

fn member(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("    pub ")?;
    let rest = rest
        .trim_start_matches("async ")
        .trim_start_matches("const ");
    let name = match rest.strip_prefix("fn ") {
        Some(function) => function.split(['(', '<']).next()?,
        None => rest.split_once(':')?.0,
    };
    (name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()))
    .then_some(name)
}

/// The public names, by the source: rustfmt holds its form.
fn surface() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (root, folder, prefix) in MODULES {
        let file = source().join(root);
        let mut names = exports(&file);
        if root == folder {
            names.extend(definitions(&read(&file)));
        }
        found.extend(names.iter().map(|name| listed(prefix, name)));
        for file in files(folder) {
            let mut open: Option<String> = None;
            for line in read(&file).lines() {
                if let Some(name) = opened(line).filter(|name| names.contains(*name)) {
                    open = Some(listed(prefix, name));
                } else if line == "}" {
                    open = None;
                } else if let (Some(owner), Some(name)) = (&open, member(line)) {
                    if PARAMETERS.contains(&owner.as_str()) && !line.contains("fn ") {
                        continue;
                    }
                    found.insert(format!("{owner}.{name}"));
                }
            }
        }
    }
    found
}

#[test]
fn the_public_names_are_those_of_the_list() {
    let (found, wanted) = (surface(), wanted());
    let missing: Vec<_> = found
        .iter()
        .filter(|name| !wanted.contains(*name))
        .map(|name| format!("\"{name}\": null"))
        .collect();
    assert!(
        missing.is_empty(),
        "{ADVICE}. Add:\n{}",
        missing.join(",\n")
    );
    let gone: Vec<_> = wanted.difference(&found).collect();
    assert!(gone.is_empty(), "{ADVICE}. These are not there: {gone:?}");
}

#[test]
fn every_public_module_is_in_the_list() {
    let text = read(&source().join("lib.rs"));
    let lines: Vec<&str> = text.lines().collect();
    let modules = lines.iter().enumerate().filter_map(|(at, line)| {
        let name = line.strip_prefix("pub mod ")?.strip_suffix(';')?;
        let hidden = at > 0 && lines[at - 1] == "#[doc(hidden)]";
        (!hidden).then_some(name)
    });
    for name in modules {
        assert!(
            MODULES.iter().any(
                |(root, ..)| *root == format!("{name}.rs") || *root == format!("{name}/mod.rs")
            ),
            "the public module {name} is not in MODULES, nor #[doc(hidden)]"
        );
    }
}

/// The parameters of an entry that Rust has, with their defaults.
fn params(entry: &str) -> BTreeMap<String, Option<String>> {
    // Some calls are operations alone in Rust (see ARCHITECTURE.md, section 3).
    let entries = groups();
    let params = entries.values().find_map(|group| group.get(entry));
    params
        .and_then(Value::as_str)
        .expect(entry)
        .split(", ")
        .filter(|param| !param.is_empty() && !param.starts_with('*'))
        .filter_map(|param| {
            let (param, languages) = param.split_once('@').unwrap_or((param, "rust"));
            languages
                .split('|')
                .any(|one| one == "rust")
                .then(|| match param.split_once('=') {
                    Some((name, default)) => (name.to_owned(), Some(default.to_owned())),
                    None => (param.to_owned(), None),
                })
        })
        .collect()
}

/// The fields that a parameter object takes: serde names them when it refuses
/// one.
fn fields<T: DeserializeOwned>() -> BTreeSet<String> {
    let Err(error) = serde_json::from_value::<T>(json!({"no such field": 1})) else {
        panic!("it takes anything");
    };
    let error = error.to_string();
    let known = error.split("expected").nth(1).expect("it names the fields");
    known
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn same_params<T: DeserializeOwned>(entry: &str, besides: &[&str]) {
    let mut wanted: BTreeSet<String> = params(entry).into_keys().collect();
    for name in besides {
        assert!(wanted.remove(*name), "{entry} has no {name}");
    }
    assert_eq!(fields::<T>(), wanted, "{ADVICE}: {entry}");
}

#[test]
fn the_parameters_are_those_of_the_list() {
    same_params::<ClientOptions>("Agi", &[]);
    same_params::<OptionChanges>("Agi.with_options", &[]);
    same_params::<RawRequest>("Agi.request", &[]);
    same_params::<SnapshotOptions>("Sessions.delete", &["session_id"]);
    same_params::<SnapshotOptions>("Session.delete", &[]);
    same_params::<SendMessage>("Session.send_message", &[]);
    same_params::<ListMessages>("Session.messages", &[]);
    same_params::<WaitOptions>("Session.wait", &[]);
    same_params::<EventOptions>("Session.events", &[]);
    // What its delete keeps is a part of its own.
    let mut create: BTreeSet<String> = params("Sessions.create").into_keys().collect();
    create.insert("snapshot".to_owned());
    assert_eq!(
        fields::<CreateSession>(),
        create,
        "{ADVICE}: Sessions.create"
    );
    // How its events are read is a part of its own.
    let start: BTreeSet<String> = ["message", "start_url", "events", "if_busy"]
        .map(str::to_owned)
        .into();
    assert_eq!(fields::<StartTask>(), start);
}

#[test]
fn the_defaults_are_those_of_the_list() {
    let defaults = [
        ("Sessions.create", json!(CreateSession::default())),
        ("Session.messages", json!(ListMessages::default())),
        ("Session.wait", json!(WaitOptions::default())),
        ("Session.events", json!(EventOptions::default())),
    ];
    for (entry, ours) in defaults {
        for (name, wanted) in params(entry) {
            let wanted = wanted.expect("a default").replace('\'', "\"");
            let wanted = match wanted.as_str() {
                "None" => "null",
                "True" => "true",
                "False" => "false",
                other => other,
            };
            let ours = ours.get(&name).unwrap_or(&Value::Null);
            assert_eq!(ours.to_string(), wanted, "{ADVICE}: {entry}, {name}");
        }
    }
}
