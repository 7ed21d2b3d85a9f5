//! Where in a text the parts of a scenario stand.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::fmt;

/// Line and column by place, such as `tasks[0].steps[2]`; both from 1.
pub(super) type Places = BTreeMap<String, (u64, u64)>;

/// How deep a text is looked into: each level takes a part of the stack.
const DEPTH: usize = 48;

/// The places of a text in YAML, or in JSON, which YAML is a superset of. Empty where it is neither,
/// and where it is deeper than any use of it.
pub(super) fn places(text: &str) -> Places {
    let mut places = Places::new();
    // Tabs and escaped slashes are JSON's alone, and no reason to refuse a place.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_depth: DEPTH },
    };
    if let Ok(root) = serde_saphyr::from_str_with_options::<Spanned<Node>>(text, options) {
        root.note(String::new(), &mut places);
    }
    places
}

/// That of a place, or of the nearest one around it.
pub(super) fn find(places: &Places, place: &str) -> Option<(u64, u64)> {
    let mut place = place;
    loop {
        if let Some(found) = places.get(place) {
            return Some(*found);
        }
        place = place.rfind(['.', '[']).map(|at| &place[..at])?;
    }
}

/// A value of which only the places count.
enum Node {
    Leaf,
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

trait Note {
    fn note(&self, place: String, places: &mut Places);
}

impl Note for Spanned<Node> {
    fn note(&self, place: String, places: &mut Places) {
        match &self.value {
            Node::Leaf => {}
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.note(format!("{place}[{index}]"), places);
                }
            }
            Node::Map(fields) => {
                for (name, value) in fields {
                    let dot = if place.is_empty() { "" } else { "." };
                    let inner = format!("{place}{dot}{}", name.value);
                    value.note(inner.clone(), places);
                    // A field is looked for at its name.
                    let at = &name.referenced;
                    places.insert(inner, (at.line(), at.column()));
                }
            }
        }
        let at = &self.referenced;
        if at.line() > 0 {
            places.entry(place).or_insert((at.line(), at.column()));
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Any;

        macro_rules! leaves {
            ($($name:ident $kind:ty),*) => {
                $(fn $name<E>(self, _: $kind) -> Result<Node, E> { Ok(Node::Leaf) })*
            };
        }

        impl<'de> Visitor<'de> for Any {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            leaves!(visit_bool bool, visit_i64 i64, visit_u64 u64, visit_i128 i128, visit_u128 u128, visit_f64 f64, visit_str &str);

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Leaf)
            }

            fn visit_none<E>(self) -> Result<Node, E> {
                Ok(Node::Leaf)
            }

            fn visit_some<D: Deserializer<'de>>(self, source: D) -> Result<Node, D::Error> {
                source.deserialize_any(Self)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Node::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = fields.next_entry()? {
                    map.push(entry);
                }
                Ok(Node::Map(map))
            }
        }

        source.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_have_the_same_places() {
        let yaml = "tasks:\n  - match: mug\n    steps:\n      - thought: a\n      - { log: b, after: 1 }\n";
        let json = "{\"tasks\": [\n  {\"match\": \"mug\",\n   \"steps\": [{\"thought\": \"a\"},\n\t{\"log\": \"b\", \"after\": 1}]}]}";
        for (text, place, expected) in [
            (yaml, "tasks", (1, 1)),
            (yaml, "tasks[0]", (2, 5)),
            (yaml, "tasks[0].steps[1]", (5, 9)),
            (yaml, "tasks[0].steps[1].after", (5, 19)),
            (yaml, "tasks[0].steps[0].thought.deeper", (4, 9)),
            (json, "tasks[0].match", (2, 4)),
            (json, "tasks[0].steps[1].log", (4, 3)),
        ] {
            assert_eq!(find(&places(text), place), Some(expected), "{place}");
        }
        assert_eq!(find(&places("a: [b"), "a"), None);
    }
}
