//! A public type can grow: a new field or variant breaks no program, because none
//! outside of the crate can name all of them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Fields, Item, ItemEnum, ItemStruct, Visibility};

/// What a stream can give is complete: a reader must not miss how it ended.
const CLOSED: [&str; 1] = ["Batch"];

/// Modules that a program cannot name, or that are no part of the promise.
const INTERNAL: [&str; 3] = ["meaning", "transport/retry.rs", "stream/resume.rs"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn is_open(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| attribute.path().is_ident("non_exhaustive"))
}

/// Whether every program can write all fields of it.
fn struct_is_closed(item: &ItemStruct) -> bool {
    let all_public = |fields: &Fields| {
        fields
            .iter()
            .all(|field| matches!(field.vis, Visibility::Public(_)))
    };
    matches!(item.vis, Visibility::Public(_))
        && !matches!(item.fields, Fields::Unit)
        && all_public(&item.fields)
        && !is_open(&item.attrs)
}

fn enum_is_closed(item: &ItemEnum) -> bool {
    matches!(item.vis, Visibility::Public(_)) && !is_open(&item.attrs)
}

/// The types of a source that a new field or variant would break.
fn closed(source: &str) -> Vec<String> {
    let file = syn::parse_file(source).unwrap();
    file.items
        .iter()
        .filter_map(|item| match item {
            Item::Struct(item) if struct_is_closed(item) => Some(item.ident.to_string()),
            Item::Enum(item) if enum_is_closed(item) => Some(item.ident.to_string()),
            _ => None,
        })
        .collect()
}

#[test]
fn every_public_type_can_grow() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/src");
    let is_internal = |path: &Path| {
        INTERNAL
            .iter()
            .any(|room| path.starts_with(core.join(room)))
    };
    let found: Vec<String> = sources(&core)
        .iter()
        .filter(|path| !is_internal(path))
        .flat_map(|path| closed(&fs::read_to_string(path).unwrap()))
        .filter(|name| !CLOSED.contains(&name.as_str()))
        .collect();
    assert_eq!(
        found,
        Vec::<String>::new(),
        "add #[non_exhaustive] and a way to make one"
    );
}

#[test]
fn a_type_that_cannot_grow_is_found() {
    assert_eq!(
        closed(
            "pub struct A { pub a: u8 } pub struct B { pub a: u8, b: u8 } pub enum C { D }
             #[non_exhaustive] pub struct E { pub a: u8 } struct F { pub a: u8 } pub struct G;"
        ),
        ["A", "C"]
    );
}
