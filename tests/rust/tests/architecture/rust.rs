//! Which files of a crate use which: by `use`, and by paths in the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, UseTree, Visibility};

use crate::circles::Uses;

/// A module's place in its crate: `["agi", "client"]`.
type Place = Vec<String>;

/// One module that is a file.
struct Module {
    file: PathBuf,
    items: Vec<Item>,
    /// What `use` brings in, by the name that it has here.
    names: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    defined: BTreeSet<String>,
}

impl Module {
    /// Whether it holds nothing but modules and names of others.
    fn is_face(&self) -> bool {
        self.defined.is_empty()
    }
}

/// The uses in the crate whose root is `src/lib.rs`, tests left out.
pub(crate) fn uses(src: &Path) -> Uses {
    let mut modules = BTreeMap::new();
    read(&src.join("lib.rs"), src, Vec::new(), &mut modules);
    let name = |place: &Place| {
        let file = &modules[place].file;
        file.strip_prefix(src).unwrap().display().to_string()
    };
    modules
        .iter()
        .map(|(place, module)| {
            let used = if module.is_face() {
                BTreeSet::new()
            } else {
                used_by(&modules, place, module)
            };
            (
                name(place),
                used.iter()
                    .filter(|used| *used != place)
                    .map(name)
                    .collect(),
            )
        })
        .collect()
}

/// Reads a module's file and those of the modules that it declares.
fn read(file: &Path, folder: &Path, place: Place, modules: &mut BTreeMap<Place, Module>) {
    let text = fs::read_to_string(file).unwrap();
    let parsed =
        syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let items: Vec<Item> = parsed
        .items
        .into_iter()
        .filter(|item| !of_tests(item))
        .collect();
    let mut module = Module {
        file: file.to_owned(),
        items: Vec::new(),
        names: BTreeMap::new(),
        globs: Vec::new(),
        defined: BTreeSet::new(),
    };
    for item in &items {
        match item {
            Item::Mod(child) if child.content.is_none() => {
                let name = child.ident.to_string();
                let flat = folder.join(format!("{name}.rs"));
                let inner = folder.join(&name);
                let file = if flat.exists() {
                    flat
                } else {
                    inner.join("mod.rs")
                };
                let mut place = place.clone();
                place.push(name);
                read(&file, &inner, place, modules);
            }
            Item::Use(import) => flatten(&import.tree, Vec::new(), &mut |path, name| match name {
                Some(name) => drop(module.names.insert(name, path)),
                None => module.globs.push(path),
            }),
            Item::Macro(_) => drop(module.defined.insert("macro!".to_owned())),
            other => drop(module.defined.insert(name_of(other))),
        }
    }
    module.items = items;
    modules.insert(place, module);
}

fn of_tests(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

fn name_of(item: &Item) -> String {
    match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Mod(item) => item.ident.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        Item::Union(item) => item.ident.to_string(),
        _ => "impl".to_owned(),
    }
}

/// Calls `each` with every path of a `use`, and the name that it gets here;
/// none for a glob.
fn flatten(
    tree: &UseTree,
    mut path: Vec<String>,
    each: &mut impl FnMut(Vec<String>, Option<String>),
) {
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            flatten(&part.tree, path, each);
        }
        UseTree::Name(name) if name.ident == "self" => {
            let last = path.last().cloned();
            each(path, last);
        }
        UseTree::Name(name) => {
            path.push(name.ident.to_string());
            each(path, Some(name.ident.to_string()));
        }
        UseTree::Rename(name) => {
            if name.ident != "self" {
                path.push(name.ident.to_string());
            }
            each(path, Some(name.rename.to_string()));
        }
        UseTree::Glob(_) => each(path, None),
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, path.clone(), each);
            }
        }
    }
}

/// The modules that one module uses.
fn used_by(modules: &BTreeMap<Place, Module>, place: &Place, module: &Module) -> BTreeSet<Place> {
    let mut paths = Paths {
        place: place.clone(),
        found: Vec::new(),
        idents: BTreeSet::new(),
    };
    for item in &module.items {
        paths.visit_item(item);
    }
    for item in &module.items {
        if let Item::Use(import) = item {
            flatten(&import.tree, Vec::new(), &mut |path, name| {
                // A name that is only handed on is no use of it.
                let handed_on = !matches!(import.vis, Visibility::Inherited)
                    && name.is_none_or(|name| !paths.idents.contains(&name));
                if !handed_on {
                    paths.found.push((place.clone(), path));
                }
            });
        }
    }
    paths
        .found
        .iter()
        .filter_map(|(from, path)| resolve(modules, from, path, 0))
        .collect()
}

/// Where what a path names is defined, if that is in this crate.
fn resolve(
    modules: &BTreeMap<Place, Module>,
    from: &Place,
    path: &[String],
    depth: usize,
) -> Option<Place> {
    assert!(depth < 20, "{path:?} in {from:?} leads nowhere");
    let (first, mut rest) = path.split_first()?;
    let mut at = match first.as_str() {
        "crate" => Vec::new(),
        "self" => from.clone(),
        "super" => from[..from.len().saturating_sub(1)].to_vec(),
        name => {
            let mut child = from.clone();
            child.push(name.to_owned());
            if !modules.contains_key(&child) {
                return None;
            }
            child
        }
    };
    while let Some((name, after)) = rest.split_first() {
        if name == "super" {
            at.pop();
            rest = after;
            continue;
        }
        let mut child = at.clone();
        child.push(name.clone());
        if modules.contains_key(&child) {
            at = child;
            rest = after;
            continue;
        }
        let Some(module) = modules.get(&at) else {
            break;
        };
        if module.defined.contains(name) {
            break;
        }
        if let Some(target) = module.names.get(name) {
            let path: Vec<String> = target.iter().chain(after).cloned().collect();
            return resolve(modules, &at, &path, depth + 1);
        }
        let through = module.globs.iter().find_map(|glob| {
            let target = resolve(modules, &at, glob, depth + 1)?;
            let module = modules.get(&target)?;
            (module.defined.contains(name) || module.names.contains_key(name)).then_some(target)
        });
        return Some(through.unwrap_or(at));
    }
    // A module inside a file is that file.
    while !modules.contains_key(&at) {
        at.pop()?;
    }
    Some(at)
}

/// Collects the paths in the code of a file, those in macros too.
struct Paths {
    place: Place,
    found: Vec<(Place, Vec<String>)>,
    idents: BTreeSet<String>,
}

impl Paths {
    fn note(&mut self, path: Vec<String>) {
        self.idents.extend(path.first().cloned());
        if path.len() > 1 {
            self.found.push((self.place.clone(), path));
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    if colons != 2 && !path.is_empty() {
                        self.note(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.note(std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        if !path.is_empty() {
            self.note(path);
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, _: &'ast syn::ItemUse) {}

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let Some((_, items)) = &item.content else {
            return;
        };
        self.place.push(item.ident.to_string());
        for item in items.iter().filter(|item| !of_tests(item)) {
            if let Item::Use(import) = item {
                let place = self.place.clone();
                flatten(&import.tree, Vec::new(), &mut |path, _| {
                    self.found.push((place.clone(), path));
                });
            }
            self.visit_item(item);
        }
        self.place.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.note(
            path.segments
                .iter()
                .map(|part| part.ident.to_string())
                .collect(),
        );
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
    }
}
