//! Who may use whom: the rules of ARCHITECTURE.md, section 2.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod circles;
mod rust;
mod scripts;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder of the repository, and every file with this ending below it, with
/// its text.
fn files(folder: &str, ending: &str) -> (PathBuf, Vec<(PathBuf, String)>) {
    let mut found = Vec::new();
    let folder = root().join(folder);
    let mut open = vec![folder.clone()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    assert!(
        !found.is_empty() || ending == "mts",
        "{} has no .{ending} files",
        folder.display()
    );
    (folder, found)
}

/// Lines of code that hold one of the words; comments do not count.
fn uses(text: &str, words: &[&str]) -> Vec<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .filter(|line| words.iter().any(|word| line.contains(word)))
        .map(str::to_owned)
        .collect()
}

fn must_not_use(folder: &str, ending: &str, words: &[&str]) {
    for (path, text) in files(folder, ending).1 {
        let found = uses(&text, words);
        assert!(
            found.is_empty(),
            "{} may not use {words:?}: {found:#?}",
            path.display()
        );
    }
}

/// The crates that a manifest depends on.
fn dependencies(manifest: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest)).unwrap();
    let section = text
        .split("\n[dependencies]")
        .nth(1)
        .expect("a section of dependencies");
    let section = section.split("\n[").next().unwrap();
    let names = section
        .lines()
        .filter_map(|line| line.split(['=', '.', ' ']).next());
    names
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_pure_parts_of_the_core_do_no_io() {
    let io = [
        "tokio",
        "reqwest",
        "Instant::now",
        "SystemTime",
        "std::net",
        "std::fs",
        "std::thread",
    ];
    for file in [
        "error.rs",
        "config.rs",
        "handle.rs",
        "sse",
        "stream/gaps.rs",
        "stream/places.rs",
        "stream/resume.rs",
        "transport/retry.rs",
        "stream/unnumbered.rs",
        "transport/proxies.rs",
        "transport/redact.rs",
        "transport/redirect.rs",
        "transport/secret.rs",
        "webhooks.rs",
        "responses.rs",
        "event.rs",
        "meaning",
        "validate.rs",
        "agi/models.rs",
        "agi/events.rs",
        "agi/validate.rs",
        "agi/screenshot.rs",
        "agi/places.rs",
        "agi/standing.rs",
        "ledger/book.rs",
        "key_mark.rs",
        "ledger/line.rs",
        "journal/book.rs",
        "journal/line.rs",
        "raccoon/assembly.rs",
        "raccoon/delivered.rs",
        "raccoon/lost_start.rs",
        "raccoon/close.rs",
        "raccoon/config.rs",
        "raccoon/events.rs",
        "raccoon/learning.rs",
        "raccoon/models.rs",
        "raccoon/standing.rs",
        "raccoon/validate.rs",
        "raccoon/wire_names.rs",
    ] {
        let path = format!("core/src/{file}");
        if root().join(&path).is_dir() {
            must_not_use(&path, "rs", &io);
        } else {
            let text = fs::read_to_string(root().join(&path)).unwrap();
            assert_eq!(uses(&text, &io), Vec::<String>::new(), "{path}");
        }
    }
}

#[test]
fn the_core_knows_no_binding_and_prints_nothing() {
    must_not_use(
        "core/src",
        "rs",
        &["pyo3", "napi", "println!", "print!(", "eprint"],
    );
}

#[test]
fn only_the_configuration_reads_the_environment() {
    for (path, text) in files("core/src", "rs").1 {
        if !path.ends_with("config.rs") {
            assert_eq!(
                uses(&text, &["env::var"]),
                Vec::<String>::new(),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn only_the_ledger_the_journal_and_the_pictures_open_files_for_writing() {
    let writing = [
        "OpenOptions",
        "File::create",
        "fs::write",
        "create_dir",
        "DirBuilder",
    ];
    let rooms =
        ["ledger", "journal", "agi/pictures.rs"].map(|room| root().join("core/src").join(room));
    for (path, text) in files("core/src", "rs").1 {
        if !rooms.iter().any(|room| path.starts_with(room)) {
            let found = uses(&text, &writing);
            assert_eq!(found, Vec::<String>::new(), "{}", path.display());
        }
    }
}

#[test]
fn the_emulator_is_an_independent_witness() {
    assert!(!dependencies("emulator/Cargo.toml").contains(&"sessionwire".to_owned()));
    // `napi` alone is in `openapi`, too.
    must_not_use(
        "emulator/src",
        "rs",
        &["sessionwire::", "pyo3", "napi::", "napi_derive"],
    );
}

#[test]
fn the_core_does_not_know_the_emulator() {
    assert!(
        !dependencies("core/Cargo.toml")
            .iter()
            .any(|name| name.contains("emulator"))
    );
}

#[test]
fn the_bindings_hold_no_http() {
    for room in ["bindings-python", "bindings-node"] {
        let manifest = dependencies(&format!("{room}/Cargo.toml"));
        assert!(
            !manifest
                .iter()
                .any(|name| matches!(name.as_str(), "reqwest" | "hyper" | "http" | "axum")),
            "{manifest:?}"
        );
        must_not_use(&format!("{room}/src"), "rs", &["reqwest", "hyper::"]);
    }
    let http = [
        "import requests",
        "urllib.request",
        "http.client",
        "import httpx",
        "import socket",
        "from socket import",
        "import ssl",
    ];
    for (path, text) in files("bindings-python/python/sessionwire", "py").1 {
        let mut found = uses(&text, &http);
        // It wakes a loop that watches sockets alone, by a pair of them in this process.
        if path.ends_with("_wait_socket.py") {
            found.retain(|name| name != "import socket");
        }
        assert_eq!(found, Vec::<String>::new(), "{}", path.display());
    }
    // What pages read with is none of the client: it runs in a browser, and knows no service.
    let http = ["fetch(", "node:http", "node:net", "undici"];
    for (path, text) in files("bindings-node/ts", "ts").1 {
        if !path.ends_with("src/browser.ts") {
            let found = uses(&text, &http);
            assert_eq!(found, Vec::<String>::new(), "{}", path.display());
        }
    }
}

#[test]
fn nobody_but_the_bindings_is_unsafe() {
    for room in ["core", "emulator", "cli"] {
        let library = fs::read_to_string(root().join(room).join("src/lib.rs")).unwrap();
        assert!(library.contains("#![forbid(unsafe_code)]"), "{room}");
    }
    for room in ["bindings-python/src", "bindings-node/src"] {
        for (path, text) in files(room, "rs").1 {
            let lines: Vec<&str> = text.lines().collect();
            for (at, line) in lines.iter().enumerate() {
                if line.contains("unsafe {") || line.contains("unsafe impl") {
                    let above = &lines[at.saturating_sub(4)..=at];
                    assert!(
                        above.iter().any(|line| line.contains("SAFETY")),
                        "{}:{}",
                        path.display(),
                        at + 1
                    );
                }
            }
        }
    }
}

#[test]
fn one_version_for_all_packages() {
    let version = env!("CARGO_PKG_VERSION");
    let npm = fs::read_to_string(root().join("package.json")).unwrap();
    assert!(
        npm.contains(&format!("\"version\": \"{version}\"")),
        "package.json has another version"
    );
    let python = fs::read_to_string(root().join("pyproject.toml")).unwrap();
    assert!(
        python.contains("dynamic = [\"version\"]"),
        "pyproject.toml takes its version from Cargo.toml"
    );
}

/// The crates without circles: core follows.
const CRATES: [&str; 5] = [
    "bindings-node",
    "bindings-python",
    "cli",
    "core",
    "emulator",
];

#[test]
fn no_files_use_each_other_in_a_circle() {
    let mut found = String::new();
    for room in CRATES {
        found += &circles::told(room, &rust::uses(&root().join(room).join("src")));
    }
    let package = "bindings-python/python/sessionwire";
    found += &circles::told(package, &scripts::python(package));
    let sources = "bindings-node/ts";
    found += &circles::told(sources, &scripts::typescript(sources));
    assert!(
        found.is_empty(),
        "files use each other in a circle; move what both need below both:\n{found}"
    );
}
