//! What code, tests and documents refer to is in this repository: sections of
//! the specification, guarantees, links, files.
//!
//! A citation names its document, so that nothing is guessed:
//! "docs/spec/agi.md, section 4.8". In a Markdown file a bare "section 4.8" is
//! one of that file; "RFC 6455, section 4.1" is on the public web.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use regex_lite::Regex;
use sessionwire::agi::EventType;

const CONTRACT: &str = "docs/contract.md";
/// This file quotes references that lead nowhere.
const SELF: &str = "tests/rust/tests/references.rs";
const ENDINGS: [&str; 16] = [
    "rs", "py", "pyi", "ts", "mts", "mjs", "cjs", "js", "json", "md", "toml", "yml", "yaml", "sh",
    "html", "css",
];
const BUILT: [&str; 4] = ["target", "node_modules", "dist", "__pycache__"];
/// What a workflow makes, and what the emulator keeps.
const MADE: [&str; 3] = ["notes.md", "seed.json", "state.json"];
const LOCKS: [&str; 2] = ["package-lock.json", "Cargo.lock"];

/// Every file of the repository by its path from the root; the text of those
/// that are text.
type Files = BTreeMap<String, Option<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn repository() -> Files {
    let root = root();
    let mut files = Files::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let hidden = name.starts_with('.') && ![".ci", ".github"].contains(&name);
            if path.is_dir() {
                if !hidden && !BUILT.contains(&name) {
                    open.push(path);
                }
                continue;
            }
            let ending = path.extension().and_then(|ending| ending.to_str());
            let is_text = ending.is_some_and(|ending| ENDINGS.contains(&ending))
                || ["Makefile", "NOTICE", "run"].contains(&name);
            let address = path.strip_prefix(&root).unwrap().to_str().unwrap();
            let text = (is_text && !LOCKS.contains(&name) && address != SELF)
                .then(|| fs::read_to_string(&path).unwrap());
            files.insert(address.to_owned(), text);
        }
    }
    assert!(files.contains_key(CONTRACT), "{CONTRACT} is missing");
    files
}

/// The pattern, compiled once.
fn pattern(text: &'static str) -> Regex {
    static KNOWN: Mutex<BTreeMap<&str, Regex>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let compiled = known
        .entry(text)
        .or_insert_with(|| Regex::new(text).unwrap());
    compiled.clone()
}

/// A text as one line, without the marks that begin a line of a comment.
fn joined(text: &str) -> String {
    pattern(r"\n[ \t]*(?://[/!]?|#|\*|>)?[ \t]*")
        .replace_all(text, " ")
        .into_owned()
}

/// A Markdown text without its blocks of code.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The numbers of the sections that a document has.
fn sections(text: &str) -> BTreeSet<String> {
    pattern(r"(?m)^#{1,6} (\d+(?:\.\d+)*)\.? ")
        .captures_iter(text)
        .map(|found| found[1].to_owned())
        .collect()
}

/// The anchors that GitHub makes of a document's headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text);
    let headings = headings
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase());
    headings
        .map(|heading| {
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

fn guarantees(files: &Files) -> BTreeSet<String> {
    let contract = files[CONTRACT].as_deref().unwrap();
    pattern(r"(?m)^### g(\d\d) ")
        .captures_iter(contract)
        .map(|found| found[1].to_owned())
        .collect()
}

/// `link` as seen from `from`, as a path from the root; `None`: outside of it.
fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in Path::new(link).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::Normal(name) => parts.push(name.to_str()?),
            _ => return None,
        }
    }
    Some(parts.join("/"))
}

fn is_there(files: &Files, path: &str) -> bool {
    let folder = format!("{}/", path.trim_end_matches('/'));
    path.is_empty()
        || files.contains_key(path)
        || files.keys().any(|file| file.starts_with(&folder))
}

/// "docs/spec/agi.md, sections 4.1 and 14".
fn wrong_sections(files: &Files, path: &str, text: &str) -> Vec<String> {
    let citation = pattern(
        r"(?:([A-Za-z0-9_./-]+\.md), |(RFC \d+), )?\bsections? (\d+(?:\.\d+)*(?:(?:, and |, | and | to )\d+(?:\.\d+)*)*)",
    );
    let mut wrong = Vec::new();
    if !text.contains("section") {
        return wrong;
    }
    for found in citation.captures_iter(&joined(text)) {
        let document = match (found.get(1), found.get(2)) {
            (_, Some(_)) => continue,
            (Some(document), None) => document.as_str(),
            (None, None) if path.ends_with(".md") => path,
            (None, None) => {
                wrong.push(format!("{:?} names no document", &found[0]));
                continue;
            }
        };
        let there = match files.get(document) {
            _ if document == path => sections(text),
            Some(Some(text)) => sections(text),
            _ => {
                wrong.push(format!("{:?}: there is no {document}", &found[0]));
                continue;
            }
        };
        for number in pattern(r"\d+(?:\.\d+)*").find_iter(&found[3]) {
            if !there.contains(number.as_str()) {
                wrong.push(format!("{document} has no section {}", number.as_str()));
            }
        }
    }
    wrong
}

/// `g01` in text, in the name of a test, and the numbers of a file of cases.
fn wrong_guarantees(files: &Files, text: &str) -> Vec<String> {
    let there = guarantees(files);
    let difference = |named: &BTreeSet<String>| {
        named
            .difference(&there)
            .map(|number| format!("{CONTRACT} has no guarantee g{number}"))
            .collect()
    };
    let mut named: BTreeSet<String> = numbers_after_g(text).collect();
    if !text.contains("guarantee") {
        return difference(&named);
    }
    for list in pattern(r#"(?:"guarantees": \[|\bguarantees? )(\d[\d,\s]*)"#).captures_iter(text) {
        let numbers = pattern(r"\d+");
        named.extend(
            numbers
                .find_iter(&list[1])
                .map(|number| format!("{:0>2}", number.as_str())),
        );
    }
    difference(&named)
}

/// The digits of each `g01` that is a word, or a part of a name.
fn numbers_after_g(text: &str) -> impl Iterator<Item = String> {
    text.match_indices('g').filter_map(|(at, _)| {
        let before = text[..at].chars().next_back();
        let number = text.get(at + 1..at + 3)?;
        let after = text[at + 3..].chars().next();
        let ends = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric());
        let is_number = number.bytes().all(|c| c.is_ascii_digit());
        (is_number && ends(before) && ends(after)).then(|| number.to_owned())
    })
}

/// Relative links of a Markdown file, with their anchors.
fn wrong_links(files: &Files, path: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for found in pattern(r"\]\(([^)\s]+)\)|(?m:^\[[^\]]+\]: (\S+))").captures_iter(&prose(text)) {
        let link = found.get(1).or(found.get(2)).unwrap().as_str();
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let (address, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = match address {
            "" => Some(path.to_owned()),
            address => resolve(path, address),
        };
        let Some(target) = target.filter(|target| is_there(files, target)) else {
            wrong.push(format!("the link {link} leads nowhere"));
            continue;
        };
        let headings = files.get(&target).and_then(Option::as_deref).unwrap_or("");
        let headings = if target == path { text } else { headings };
        if !anchor.is_empty() && !anchors(headings).contains(anchor) {
            wrong.push(format!("the link {link}: there is no such heading"));
        }
    }
    wrong
}

/// Names of documents in comments, in what cases say about themselves, and in
/// Markdown. What stands in a text of the code is data.
fn wrong_documents(files: &Files, path: &str, text: &str) -> Vec<String> {
    let name = pattern(r"[A-Za-z0-9_./-]*[A-Za-z0-9_-]\.md\b");
    let about = pattern(r#"^\s*"(?:about|why|because)":"#);
    let is_json = path.ends_with(".json");
    let text = match path.ends_with(".md") {
        true => prose(text),
        false => text.to_owned(),
    };
    let mut wrong = Vec::new();
    for line in text.lines().filter(|line| line.contains(".md")) {
        let line = line.replace("\"\"\"", "");
        if is_json && !about.is_match(&line) {
            continue;
        }
        for found in name.find_iter(&line) {
            let before = &line[..found.start()];
            let quoted = !is_json && before.matches('"').count() % 2 == 1;
            let on_the_web = before.ends_with(':') || found.as_str().starts_with("//");
            let target = found.as_str();
            let places = [
                resolve(path, target),
                resolve("docs/x", target),
                resolve("x", target),
            ];
            let there = places
                .iter()
                .flatten()
                .any(|place| files.contains_key(place));
            let made = MADE.contains(&target);
            if !quoted && !on_the_web && !before.ends_with('*') && !there && !made {
                wrong.push(format!("there is no {target}"));
            }
        }
    }
    wrong
}

/// Names of source files in the documents for contributors. A name without a
/// folder is any file of that name, one with a folder the end of a path.
fn wrong_files(files: &Files, path: &str, text: &str) -> Vec<String> {
    let of_contributors = ["ARCHITECTURE.md", "CONTRIBUTING.md"].contains(&path)
        || path.starts_with("docs/") && path.ends_with(".md");
    if !of_contributors {
        return Vec::new();
    }
    let name =
        pattern(r"[A-Za-z0-9_*./{},-]*[A-Za-z0-9_*-]\.(?:rs|py|pyi|ts|mts|mjs|json|toml|html)\b");
    let mut wrong = BTreeSet::new();
    for found in name.find_iter(text) {
        let name = found.as_str().trim_start_matches(['.', '/']);
        let is_call = text[found.end()..].starts_with('(');
        // A program that the document itself has.
        let is_given = text.contains(&format!("```python program {name}\n"));
        let on_the_web = found.as_str().starts_with("//");
        let made = MADE.contains(&name);
        if is_call || is_given || on_the_web || made || name.contains(['*', '{', ',']) {
            continue;
        }
        let end = format!("/{name}");
        if !files
            .keys()
            .any(|file| file == name || file.ends_with(&end))
        {
            wrong.insert(format!("there is no {name}"));
        }
    }
    wrong.into_iter().collect()
}

fn wrong(files: &Files, path: &str, text: &str) -> Vec<String> {
    let mut found = wrong_sections(files, path, text);
    found.extend(wrong_guarantees(files, text));
    found.extend(wrong_documents(files, path, text));
    if path.ends_with(".md") {
        found.extend(wrong_links(files, path, text));
        found.extend(wrong_files(files, path, text));
    }
    found
        .into_iter()
        .map(|what| format!("{path}: {what}"))
        .collect()
}

#[test]
fn every_reference_leads_somewhere() {
    let files = repository();
    let texts = files
        .iter()
        .filter_map(|(path, text)| Some((path, text.as_deref()?)));
    let found: Vec<String> = texts
        .flat_map(|(path, text)| wrong(&files, path, text))
        .collect();
    assert!(
        found.is_empty(),
        "{} references lead nowhere. Correct them, or add what they name:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn a_reference_that_leads_nowhere_is_found() {
    let files = repository();
    let planted = [
        (
            "core/src/agi/x.rs",
            "/// A session (spec, section 4.1).",
            "names no document",
        ),
        (
            "core/src/agi/x.rs",
            "/// A session (docs/spec/agi.md, section 4.99).",
            "no section 4.99",
        ),
        (
            "core/src/agi/x.rs",
            "/// A session (docs/spec/agi.md,\n/// sections 4.1 and\n/// 77).",
            "no section 77",
        ),
        (
            "core/src/agi/x.rs",
            "/// See docs/spec/none.md, section 1.",
            "no docs/spec/none.md",
        ),
        ("core/src/agi/x.rs", "// As api.md says.", "no api.md"),
        (
            "tests/rust/tests/x.rs",
            "async fn g13_nothing() {}",
            "no guarantee g13",
        ),
        (
            "tests/node/x.test.mjs",
            "test(\"g00 nothing\", () => {});",
            "no guarantee g00",
        ),
        (
            "tests/python/test_x.py",
            "def test_g14_nothing() -> None:",
            "no guarantee g14",
        ),
        (
            "tests/contract/x.json",
            "{\"guarantees\": [1, 13]}",
            "no guarantee g13",
        ),
        (
            "tests/contract/x.json",
            "\"about\": \"What comes of it: agi-wire.md.\"",
            "no agi-wire.md",
        ),
        ("docs/x.md", "See section 9.", "no section 9"),
        ("docs/x.md", "[a page](spec/none.md)", "leads nowhere"),
        (
            "docs/x.md",
            "[a page](../../elsewhere/README.md)",
            "leads nowhere",
        ),
        (
            "docs/x.md",
            "[a part](spec/agi.md#no-such-part)",
            "no such heading",
        ),
        (
            "docs/x.md",
            "It is in `core/src/nowhere.rs`.",
            "no core/src/nowhere.rs",
        ),
    ];
    for (path, text, message) in planted {
        let found = wrong(&files, path, text);
        assert!(
            found.iter().any(|line| line.contains(message)),
            "{path}: {text:?} should be found ({message}): {found:?}"
        );
    }
    let right = [
        (
            "core/src/agi/x.rs",
            "/// A session (docs/spec/agi.md, sections 4.1 and\n/// 14; RFC 6455, section 4.1).",
        ),
        (
            "tests/rust/tests/x.rs",
            "async fn g12_all() { read(\"out/a.md\"); } // g01",
        ),
        (
            "docs/x.md",
            "# X\n## 9. Nine\n[nine](#9-nine), [AGI](spec/agi.md#7-event-stream-get-sessionssession_idevents)",
        ),
        ("docs/x.md", "[the web](https://example.com/none.md)"),
    ];
    for (path, text) in right {
        let files: Files = files
            .clone()
            .into_iter()
            .chain([(path.to_owned(), Some(text.to_owned()))])
            .collect();
        assert_eq!(wrong(&files, path, text), Vec::<String>::new());
    }
}

/// The files that prove a guarantee, as the contract lists them: files of
/// cases from `tests/contract/`, tests from `tests/`.
fn proofs(files: &Files, number: usize) -> [String; 2] {
    let named = format!("{number:02}");
    let list = |prefix: &str, found: Vec<&String>| {
        let names = found
            .iter()
            .map(|path| format!("`{}`", path.strip_prefix(prefix).unwrap()));
        match names.collect::<Vec<_>>().join(", ") {
            names if names.is_empty() => "none of its own".to_owned(),
            names => names,
        }
    };
    let texts = || {
        files
            .iter()
            .filter_map(|(path, text)| Some((path, text.as_deref()?)))
    };
    let guarantees = pattern(r#""guarantees":\s*\[([\d,\s]*)\]"#);
    let cases = texts().filter(|(path, text)| {
        path.starts_with("tests/contract/")
            && guarantees.captures(text).is_some_and(|list| {
                let mut numbers = list[1].split(',');
                numbers.any(|n| n.trim().parse() == Ok(number))
            })
    });
    let test = Regex::new(&format!(
        r#"\bfn g{named}_|["`]g{named}\b|\bdef test_g{named}_"#
    ))
    .unwrap();
    let tests = texts().filter(|(path, text)| {
        let is_test = path.starts_with("tests/rust/tests/")
            || path.starts_with("tests/python/test_")
            || path.starts_with("tests/node/") && path.ends_with(".test.mjs");
        is_test && text.contains(&format!("g{named}")) && test.is_match(text)
    });
    [
        format!(
            "- cases: {}",
            list("tests/contract/", cases.map(|(path, _)| path).collect())
        ),
        format!(
            "- tests: {}",
            list("tests/", tests.map(|(path, _)| path).collect())
        ),
    ]
}

#[test]
fn the_contract_names_what_proves_each_guarantee() {
    let files = repository();
    let contract = files[CONTRACT].as_deref().unwrap();
    let numbers: Vec<String> = guarantees(&files).into_iter().collect();
    let expected: Vec<String> = (1..=12).map(|number| format!("{number:02}")).collect();
    assert_eq!(numbers, expected, "the guarantees of {CONTRACT}");
    let mut stale = String::new();
    for number in 1..=12 {
        let heading = format!("\n### g{number:02} ");
        let part = contract.split_once(&heading).unwrap().1;
        let part = part.split("\n##").next().unwrap();
        let lines: Vec<&str> = part.lines().collect();
        let proofs = proofs(&files, number);
        if !proofs.iter().all(|line| lines.contains(&line.as_str())) {
            stale += &format!("g{number:02}:\n{}\n", proofs.join("\n"));
        }
    }
    assert!(
        stale.is_empty(),
        "{CONTRACT} does not list the files that prove a guarantee. Write there:\n{stale}"
    );
}

/// The names in the first column of the table that begins with this line.
fn first_column<'a>(text: &'a str, head: &str) -> BTreeSet<&'a str> {
    let (_, table) = text.split_once(head).unwrap();
    let rows = table.lines().skip(2).take_while(|row| row.starts_with('|'));
    rows.flat_map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn the_specification_has_every_type_of_event() {
    let files = repository();
    for (source, document, head) in [
        ("agi", "docs/spec/agi.md", "| event | `data` |"),
        ("turn", "docs/spec/raccoon.md", "| `kind` | `payload` |"),
    ] {
        let known: BTreeSet<_> = EventType::KNOWN
            .iter()
            .filter(|(.., from)| from.contains(&source))
            .map(|(known, ..)| known.name())
            .collect();
        let text = files[document].as_deref().unwrap();
        assert_eq!(first_column(text, head), known, "{document}");
    }
}
