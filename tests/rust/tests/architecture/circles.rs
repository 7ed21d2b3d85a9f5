//! Circles: files that use each other, over any number of steps.

use std::collections::{BTreeMap, BTreeSet};

/// Which files each file uses.
pub(crate) type Uses = BTreeMap<String, BTreeSet<String>>;

/// Every circle, as the sorted files in it.
pub(crate) fn circles(uses: &Uses) -> Vec<Vec<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = uses
        .keys()
        .map(|file| (file.as_str(), reach(uses, file)))
        .collect();
    let mut found = BTreeSet::new();
    for (file, others) in &reached {
        if others.contains(file) {
            let circle: Vec<String> = others
                .iter()
                .filter(|other| reached[*other].contains(file))
                .map(|other| (*other).to_owned())
                .collect();
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

/// The files that one file uses, over any number of steps.
fn reach<'a>(uses: &'a Uses, start: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = vec![start];
    while let Some(file) = open.pop() {
        for next in uses.get(file).into_iter().flatten() {
            if uses.contains_key(next) && reached.insert(next.as_str()) {
                open.push(next);
            }
        }
    }
    reached
}

/// What ties each circle of a house, for a person; empty where there is none.
pub(crate) fn told(house: &str, uses: &Uses) -> String {
    assert!(
        uses.values().any(|used| !used.is_empty()),
        "{house}: no file uses another: the files were not read"
    );
    let mut told = String::new();
    for circle in circles(uses) {
        told += &format!("{house}: {} files\n", circle.len());
        for file in &circle {
            for used in uses[file].iter().filter(|used| circle.contains(used)) {
                told += &format!("  {file} uses {used}\n");
            }
        }
    }
    told
}

#[test]
fn a_planted_circle_is_found() {
    let uses = |pairs: &[(&str, &str)]| -> Uses {
        let mut uses = Uses::new();
        for (file, used) in pairs {
            uses.entry((*file).to_owned())
                .or_default()
                .insert((*used).to_owned());
            uses.entry((*used).to_owned()).or_default();
        }
        uses
    };
    let straight = uses(&[("a", "b"), ("b", "c"), ("a", "c")]);
    assert!(circles(&straight).is_empty());
    let planted = uses(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")]);
    assert_eq!(circles(&planted), [["b", "c"]]);
}
