//! What a JSON value looks like: names and types, and nothing that somebody said.

use super::scrub::REDACTED;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Fields that hold what an agent, a page or a user says freely: what is in there differs from run to run.
const FREE: [&str; 9] = [
    "content",
    "context",
    "details",
    "fileSnapshot",
    "files",
    "metadata",
    "output",
    "result",
    "snapshot",
];

/// The types of plain values, as they are written.
const PLAIN: [&str; 5] = ["string", "integer", "number", "boolean", "null"];

/// What stands for anything.
const ANY: &str = "any";
/// The member of a written shape that lists several.
const ONE_OF: &str = "one of";

/// What one or more JSON values look like.
///
/// As JSON: `"string"`, `"string|null"`, `{"name": "string", "sometimes?": "integer"}`, `["string"]`, `"any"`; what was of several
/// of these, `{"one of": [...]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    any: bool,
    plain: BTreeSet<&'static str>,
    fields: Option<BTreeMap<String, Field>>,
    items: Option<Box<Shape>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    shape: Shape,
    always: bool,
}

/// How a value differs from what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Where, such as `items[].name`; empty: the whole value.
    pub(crate) place: String,
    pub(crate) what: Change,
}

/// What changed about a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was always there and is not any more.
    Missing { was: String },
    /// It was not there.
    New { is: String },
    /// It is of a type that it was not.
    Type { was: String, is: String },
    /// It was always null, and has a value now.
    Filled { is: String },
}

impl Shape {
    /// That of a value.
    pub(crate) fn of(value: &Value) -> Self {
        let plain = |name| Self {
            plain: BTreeSet::from([name]),
            ..Self::default()
        };
        match value {
            Value::Null => plain("null"),
            Value::Bool(_) => plain("boolean"),
            Value::String(_) => plain("string"),
            Value::Number(number) if number.is_i64() || number.is_u64() => plain("integer"),
            Value::Number(_) => plain("number"),
            Value::Array(items) => Self {
                items: Some(Box::new(
                    items.iter().map(Self::of).fold(Self::default(), Self::or),
                )),
                ..Self::default()
            },
            Value::Object(fields) => Self {
                fields: Some(
                    fields
                        .iter()
                        .map(|(name, value)| (name.clone(), Field::of(name, value)))
                        .collect(),
                ),
                ..Self::default()
            },
        }
    }

    /// The same with other names of fields, where those are data, such as addresses: two of one name are one.
    #[must_use]
    pub(crate) fn named(mut self, name: &dyn Fn(&str) -> String) -> Self {
        let fields = self.fields.take();
        self.fields = fields.map(|fields| {
            let mut renamed: BTreeMap<String, Field> = BTreeMap::new();
            for (old, field) in fields {
                let new = name(&old);
                let mut shape = field.shape.named(name);
                if let Some(known) = renamed.remove(&new) {
                    shape = known.shape.or(shape);
                }
                // Whoever is there next time has another one.
                let always = field.always && new == old;
                renamed.insert(new, Field { shape, always });
            }
            renamed
        });
        self.items = self.items.map(|items| Box::new(items.named(name)));
        self
    }

    /// That of values of either shape.
    #[must_use]
    pub(crate) fn or(mut self, other: Self) -> Self {
        self.any |= other.any;
        self.plain.extend(other.plain);
        self.fields = match (self.fields, other.fields) {
            (Some(one), Some(other)) => Some(either(one, other)),
            (one, other) => one.or(other),
        };
        self.items = match (self.items, other.items) {
            (Some(one), Some(other)) => Some(Box::new(one.or(*other))),
            (one, other) => one.or(other),
        };
        self
    }

    /// How `now` differs from this.
    pub(crate) fn differences(&self, now: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        self.compare(now, String::new(), &mut found);
        found
    }

    fn compare(&self, now: &Self, place: String, found: &mut Vec<Difference>) {
        if self.any || now.any || self.is_unknown() || now.is_unknown() {
            return;
        }
        if !self.holds_kinds_of(now) {
            let is = now.name();
            let what = match self.is_null() {
                true => Change::Filled { is },
                false => Change::Type {
                    was: self.name(),
                    is,
                },
            };
            found.push(Difference {
                place: place.clone(),
                what,
            });
        }
        if let (Some(was), Some(is)) = (&self.fields, &now.fields) {
            let dot = if place.is_empty() { "" } else { "." };
            for (name, field) in was {
                let place = format!("{place}{dot}{name}");
                let there = is.get(name);
                if field.always && there.is_none_or(|there| !there.always) {
                    let was = field.shape.name();
                    found.push(Difference {
                        place: place.clone(),
                        what: Change::Missing { was },
                    });
                }
                if let Some(there) = there {
                    field.shape.compare(&there.shape, place, found);
                }
            }
            // Names that were data are others next time.
            let are_data = was.keys().any(|name| name.contains(REDACTED));
            let is_new = |name: &String| !was.contains_key(name) && !are_data;
            for (name, field) in is.iter().filter(|(name, _)| is_new(name)) {
                found.push(Difference {
                    place: format!("{place}{dot}{name}"),
                    what: Change::New {
                        is: field.shape.name(),
                    },
                });
            }
        }
        if let (Some(was), Some(is)) = (&self.items, &now.items) {
            was.compare(is, format!("{place}[]"), found);
        }
    }

    /// Nothing is known of it: the items of a list that was always empty.
    fn is_unknown(&self) -> bool {
        !self.any && self.plain.is_empty() && self.fields.is_none() && self.items.is_none()
    }

    fn is_null(&self) -> bool {
        self.fields.is_none() && self.items.is_none() && self.plain.iter().eq(&["null"])
    }

    /// Whether a value of that shape is of a kind that this one has.
    fn holds_kinds_of(&self, now: &Self) -> bool {
        let fits = |kind: &&&str| {
            self.plain.contains(**kind) || **kind == "integer" && self.plain.contains("number")
        };
        now.plain.iter().all(|kind| fits(&kind))
            && (now.fields.is_none() || self.fields.is_some())
            && (now.items.is_none() || self.items.is_some())
    }

    /// Its kinds in a word or two.
    pub(crate) fn name(&self) -> String {
        let mut names: Vec<&str> = self.plain.iter().copied().collect();
        names.extend(self.fields.as_ref().map(|_| "object"));
        names.extend(self.items.as_ref().map(|_| "list"));
        match names.is_empty() {
            true => ANY.to_owned(),
            false => names.join("|"),
        }
    }

    fn written(&self) -> Value {
        if self.any {
            return ANY.into();
        }
        let mut parts = Vec::new();
        if !self.plain.is_empty() {
            let names: Vec<_> = self.plain.iter().copied().collect();
            parts.push(Value::from(names.join("|")));
        }
        if let Some(fields) = &self.fields {
            let member = |(name, field): (&String, &Field)| {
                let mark = if field.always { "" } else { "?" };
                (format!("{name}{mark}"), field.shape.written())
            };
            parts.push(fields.iter().map(member).collect::<Map<_, _>>().into());
        }
        if let Some(items) = &self.items {
            parts.push(match items.is_unknown() {
                true => Value::Array(Vec::new()),
                false => Value::Array(vec![items.written()]),
            });
        }
        match parts.len() {
            0 => ANY.into(),
            1 => parts.swap_remove(0),
            _ => serde_json::json!({ ONE_OF: parts }),
        }
    }

    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) if text == ANY => Ok(Self {
                any: true,
                ..Self::default()
            }),
            Value::String(text) => {
                let kind = |name: &str| PLAIN.into_iter().find(|plain| *plain == name);
                let plain: Option<BTreeSet<_>> = text.split('|').map(kind).collect();
                let plain = plain.ok_or_else(|| {
                    format!("`{text}` is no shape; use {}, or {ANY}", PLAIN.join(", "))
                })?;
                Ok(Self {
                    plain,
                    ..Self::default()
                })
            }
            Value::Array(items) => {
                let items = items
                    .iter()
                    .map(Self::read)
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Self {
                    items: Some(Box::new(items.into_iter().fold(Self::default(), Self::or))),
                    ..Self::default()
                })
            }
            Value::Object(fields) => match fields.get(ONE_OF) {
                Some(Value::Array(parts)) if fields.len() == 1 => {
                    let parts = parts
                        .iter()
                        .map(Self::read)
                        .collect::<Result<Vec<_>, _>>()?;
                    Ok(parts.into_iter().fold(Self::default(), Self::or))
                }
                _ => {
                    let field = |(name, value): (&String, &Value)| {
                        let shape = Self::read(value)?;
                        let always = !name.ends_with('?');
                        let name = name.strip_suffix('?').unwrap_or(name);
                        Ok((name.to_owned(), Field { shape, always }))
                    };
                    let fields: Result<_, String> = fields.iter().map(field).collect();
                    Ok(Self {
                        fields: Some(fields?),
                        ..Self::default()
                    })
                }
            },
            other => Err(format!(
                "`{other}` is no shape; use a text, an object or a list"
            )),
        }
    }
}

impl Field {
    fn of(name: &str, value: &Value) -> Self {
        let shape = match FREE.contains(&name) {
            true => Shape {
                any: true,
                ..Shape::default()
            },
            false => Shape::of(value),
        };
        Self {
            shape,
            always: true,
        }
    }
}

fn either(
    mut one: BTreeMap<String, Field>,
    mut other: BTreeMap<String, Field>,
) -> BTreeMap<String, Field> {
    for (name, field) in &mut one {
        match other.remove(name) {
            Some(there) => {
                field.always &= there.always;
                field.shape = std::mem::take(&mut field.shape).or(there.shape);
            }
            None => field.always = false,
        }
    }
    for (name, field) in other {
        let field = Field {
            always: false,
            ..field
        };
        one.insert(name, field);
    }
    one
}

impl Serialize for Shape {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        self.written().serialize(target)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(source)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shape(values: &[Value]) -> Shape {
        values
            .iter()
            .map(Shape::of)
            .fold(Shape::default(), Shape::or)
    }

    #[test]
    fn a_shape_has_no_values_and_survives_a_round_trip() {
        let seen = shape(&[
            json!({"id": 1, "name": "secret", "tags": [], "deep": {"x": 1.5}, "result": {"free": 1}}),
            json!({"id": 2, "name": null, "tags": ["a", {"b": true}]}),
        ]);
        let written = serde_json::to_value(&seen).unwrap();
        assert_eq!(
            written,
            json!({"deep?": {"x": "number"}, "id": "integer", "name": "null|string", "result?": "any",
                "tags": [{"one of": ["string", {"b": "boolean"}]}]})
        );
        assert_eq!(serde_json::from_value::<Shape>(written).unwrap(), seen);
        for wrong in [json!("text"), json!({"a": 3}), json!("")] {
            serde_json::from_value::<Shape>(wrong).unwrap_err();
        }
    }

    #[test]
    fn what_is_gone_new_or_of_another_type_is_told_with_its_place() {
        let was = shape(&[
            json!({"id": "a", "gone": 1, "list": [{"n": 1}], "nothing": null, "empty": [], "price": 1.5, "often": 1}),
            json!({"id": "a", "gone": 1, "list": [{"n": 1}], "nothing": null, "empty": [], "price": 1.5}),
        ]);
        let now = json!({"id": 7, "list": [{"n": "1", "m": 2}], "nothing": "x", "empty": [1], "price": 2, "more": true});
        let told: Vec<_> = was
            .differences(&Shape::of(&now))
            .into_iter()
            .map(|found| (found.place, found.what))
            .collect();
        let text = str::to_owned;
        assert_eq!(
            told,
            [
                (
                    text("gone"),
                    Change::Missing {
                        was: text("integer")
                    }
                ),
                (
                    text("id"),
                    Change::Type {
                        was: text("string"),
                        is: text("integer")
                    }
                ),
                (
                    text("list[].n"),
                    Change::Type {
                        was: text("integer"),
                        is: text("string")
                    }
                ),
                (
                    text("list[].m"),
                    Change::New {
                        is: text("integer")
                    }
                ),
                (text("nothing"), Change::Filled { is: text("string") }),
                (
                    text("more"),
                    Change::New {
                        is: text("boolean")
                    }
                ),
            ]
        );
        assert_eq!(was.differences(&was), []);
    }

    #[test]
    fn a_null_where_there_was_a_value_is_another_type() {
        let was = Shape::of(&json!({"url": "x"}));
        let found = was.differences(&Shape::of(&json!({"url": null})));
        assert!(matches!(
            found[..],
            [Difference {
                what: Change::Type { .. },
                ..
            }]
        ));
    }
}
