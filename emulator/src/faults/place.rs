//! Where in a JSON text a fault acts: `messages[-1].content`.

use super::put::Put;
use serde_json::{Map, Value};

/// What stands for a value until it is written; of a kind that nobody sends.
const MARK: char = '\u{f8ff}';

/// A step into a value.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// `name`: a member of an object.
    Member(String),
    /// `[2]`, `[-1]`: an entry of a list, from the front or from the end.
    Entry(i64),
    /// `[*]`: every entry.
    All,
    /// `[type=DONE]`: every entry, or the object itself, whose member has that value.
    Where(String, String),
}

/// Values, with what comes there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Putting {
    /// What is JSON, first.
    set: Vec<(Put, Vec<Step>)>,
    put: Option<(Put, Vec<Step>)>,
}

impl Putting {
    pub(super) fn new(put: Put, place: &str) -> Result<Self, String> {
        let place = steps(place)?;
        let is_part = match put {
            Put::Missing => !place.is_empty(),
            Put::Twice => matches!(place.last(), Some(Step::Member(_))),
            _ => true,
        };
        if !is_part {
            return Err(
                "`missing` is for a part of the JSON, `twice` for a member: say which with `at`, such as at=messages[0].type"
                    .to_owned(),
            );
        }
        Ok(Self {
            set: Vec::new(),
            put: Some((put, place)),
        })
    }

    /// The same with values at other places before it; `None`: with these alone.
    pub(super) fn with_values(
        this: Option<Self>,
        values: &Map<String, Value>,
    ) -> Result<Option<Self>, String> {
        let read = |(place, value): (&String, &Value)| {
            if place.is_empty() {
                return Err(
                    "`set` names each value by its place, such as {\"status\": \"paused\"}; for all of the JSON there is `put`"
                        .to_owned(),
                );
            }
            Ok((Put::Json(value.clone()), steps(place)?))
        };
        let set: Vec<_> = values.iter().map(read).collect::<Result<_, _>>()?;
        Ok(match this {
            None if set.is_empty() => None,
            this => Some(Self {
                set,
                put: this.and_then(|this| this.put),
            }),
        })
    }

    /// The text with the value put in; `None` where it is no JSON, or has no such place.
    pub(crate) fn apply(&self, text: &str) -> Option<String> {
        let mut value: Value = serde_json::from_str(text).ok()?;
        let mut name = MARK.to_string();
        while text.contains(&name) {
            name.push(MARK);
        }
        let mut any = false;
        for (put, place) in &self.set {
            let mut marks = Marks {
                put,
                name: name.clone(),
                texts: Vec::new(),
            };
            // What is set is JSON: it is read back for the next one.
            if marks.set(&mut value, place) {
                any = true;
                value = serde_json::from_str(&marks.write(&value)).ok()?;
                while value.to_string().contains(&name) {
                    name.push(MARK);
                }
            }
        }
        if let Some((put, place)) = &self.put {
            let mut marks = Marks {
                put,
                name,
                texts: Vec::new(),
            };
            if marks.set(&mut value, place) {
                return Some(marks.write(&value));
            }
        }
        any.then(|| value.to_string())
    }
}

fn steps(place: &str) -> Result<Vec<Step>, String> {
    let wrong = || {
        format!(
            "`at` is `{place}`; it names a value such as `status`, `[0].created_at`, `messages[-1].content`, `messages[*].type` or \
             `messages[type=DONE].content`"
        )
    };
    let mut steps = Vec::new();
    let mut rest = place;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (inside, after) = inside.split_once(']').ok_or_else(wrong)?;
            steps.push(match inside.split_once('=') {
                _ if inside == "*" => Step::All,
                Some((name, value)) if !name.is_empty() => {
                    Step::Where(name.to_owned(), value.to_owned())
                }
                _ => Step::Entry(inside.parse().map_err(|_| wrong())?),
            });
            rest = after;
        } else {
            let name = match rest.strip_prefix('.') {
                Some(name) if !steps.is_empty() => name,
                None if steps.is_empty() => rest,
                _ => return Err(wrong()),
            };
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            if name.is_empty() {
                return Err(wrong());
            }
            steps.push(Step::Member(name.to_owned()));
            rest = after;
        }
    }
    Ok(steps)
}

/// Marks in place of the values, and the texts that come there.
struct Marks<'a> {
    put: &'a Put,
    name: String,
    texts: Vec<String>,
}

impl Marks<'_> {
    /// Puts marks below `value`; false where there is no such place.
    fn set(&mut self, value: &mut Value, place: &[Step]) -> bool {
        let Some((step, rest)) = place.split_first() else {
            let text = self.put.text(value);
            *value = self.mark(text);
            return true;
        };
        match (step, value) {
            (Step::Member(name), Value::Object(fields)) => match self.put {
                Put::Missing if rest.is_empty() => fields.shift_remove(name).is_some(),
                Put::Twice if rest.is_empty() => {
                    let Some(value) = fields.get(name).cloned() else {
                        return false;
                    };
                    // What is written without quotes may as well be two members.
                    let text =
                        format!("{},{}:{value}", self.put.text(&value), Value::from(&**name));
                    fields[name] = self.mark(text);
                    true
                }
                _ => fields
                    .get_mut(name)
                    .is_some_and(|value| self.set(value, rest)),
            },
            (Step::Where(name, wanted), value @ Value::Object(_)) => {
                is(value.get(name), wanted) && self.set(value, rest)
            }
            (step, Value::Array(entries)) => self.entries(step, entries, rest),
            _ => false,
        }
    }

    fn entries(&mut self, step: &Step, entries: &mut Vec<Value>, rest: &[Step]) -> bool {
        let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        let chosen: Vec<usize> = (0..entries.len())
            .filter(|&at| match step {
                Step::All => true,
                Step::Entry(wanted) => {
                    let wanted = if *wanted < 0 { wanted + count } else { *wanted };
                    usize::try_from(wanted).is_ok_and(|wanted| wanted == at)
                }
                Step::Where(name, wanted) => is(entries[at].get(name), wanted),
                Step::Member(_) => false,
            })
            .collect();
        if rest.is_empty() && *self.put == Put::Missing {
            for at in chosen.iter().rev() {
                entries.remove(*at);
            }
            return !chosen.is_empty();
        }
        let mut any = false;
        for at in chosen {
            any |= self.set(&mut entries[at], rest);
        }
        any
    }

    fn mark(&mut self, text: String) -> Value {
        self.texts.push(text);
        Value::String(self.name.clone())
    }

    /// The JSON, with the texts in place of the marks: they come in order.
    fn write(&self, value: &Value) -> String {
        let written = value.to_string();
        let mark = Value::String(self.name.clone()).to_string();
        let mut parts = written.split(&*mark);
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for (part, text) in parts.zip(&self.texts) {
            whole.push_str(text);
            whole.push_str(part);
        }
        whole
    }
}

/// Whether a value is the one that a selection names.
fn is(value: Option<&Value>, wanted: &str) -> bool {
    value.is_some_and(|value| match value {
        Value::String(text) => text == wanted,
        other => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| *other == wanted),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn put(put: Value, at: &str, text: &str) -> Option<String> {
        let put = serde_json::from_value(put).unwrap();
        Putting::new(put, at).unwrap().apply(text)
    }

    #[test]
    fn a_value_comes_in_the_place_that_is_named() {
        let messages =
            r#"{"messages":[{"id":1,"type":"LOG"},{"id":2,"type":"DONE"}],"status":"x"}"#;
        for (what, at, text, expected) in [
            (
                json!("half_emoji"),
                "text",
                r#"{"text":"7 \"é"}"#,
                r#"{"text":"7 \"é\ud83d"}"#,
            ),
            (json!("half_emoji"), "", "5", r#""\ud83d""#),
            (
                json!("nan"),
                "a.b[1]",
                r#"{"a":{"b":[1,2]}}"#,
                r#"{"a":{"b":[1,NaN]}}"#,
            ),
            (json!("infinity"), "[-1]", "[1,2]", "[1,Infinity]"),
            (json!("out_of_range"), "[*]", "[1,2]", "[1e400,1e400]"),
            (
                json!("above_2_53"),
                "id",
                r#"{"id":1}"#,
                r#"{"id":9007199254740993}"#,
            ),
            (json!("deep:3"), "id", r#"{"id":1}"#, r#"{"id":[[[]]]}"#),
            (
                json!("other_type"),
                "[*].a",
                r#"[{"a":"b"},{"a":5},{}]"#,
                r#"[{"a":7},{"a":"text"},{}]"#,
            ),
            (
                json!("missing"),
                "[*].a",
                r#"[{"a":1,"b":2}]"#,
                r#"[{"b":2}]"#,
            ),
            (json!("missing"), "[0]", "[1,2]", "[2]"),
            (
                json!("twice"),
                "a",
                r#"{"a":1,"b":2}"#,
                r#"{"a":null,"a":1,"b":2}"#,
            ),
            (
                json!("null_entry"),
                "a",
                r#"{"a":[1]}"#,
                r#"{"a":[null,1]}"#,
            ),
            (json!("raw:tru"), "a", r#"{"a":[1]}"#, r#"{"a":tru}"#),
            (json!(null), "a", r#"{"a":[1]}"#, r#"{"a":null}"#),
            (
                json!("raw:1"),
                "a",
                "{\"a\":0,\"b\":\"\u{f8ff}\"}",
                "{\"a\":1,\"b\":\"\u{f8ff}\"}",
            ),
            (
                json!([1]),
                "[type=text].payload",
                r#"{"type":"text","payload":1}"#,
                r#"{"type":"text","payload":[1]}"#,
            ),
            (
                json!("missing"),
                "messages[type=DONE]",
                messages,
                r#"{"messages":[{"id":1,"type":"LOG"}],"status":"x"}"#,
            ),
            (
                json!(5),
                "messages[id=1].type",
                messages,
                r#"{"messages":[{"id":1,"type":5},{"id":2,"type":"DONE"}],"status":"x"}"#,
            ),
        ] {
            assert_eq!(
                put(what.clone(), at, text).as_deref(),
                Some(expected),
                "{what} {at}"
            );
        }
        for (at, text) in [
            ("a", "{}"),
            ("a", "[]"),
            ("[0]", "[]"),
            ("[type=a].b", "{}"),
            ("a", "no JSON"),
        ] {
            assert_eq!(put(json!("missing"), at, text), None, "{at} {text}");
        }
    }

    #[test]
    fn several_values_are_set_before_something_is_put() {
        let text = r#"{"status":"running","messages":[{"content":"a"}],"n":1}"#;
        let values = json!({"status": "paused", "messages[0].content": "b", "gone": 1});
        let Value::Object(values) = values else {
            panic!()
        };
        let set = |put: Option<(Put, &str)>| {
            let put = put.map(|(put, at)| Putting::new(put, at).unwrap());
            Putting::with_values(put, &values)
                .unwrap()
                .unwrap()
                .apply(text)
        };
        let changed = r#"{"status":"paused","messages":[{"content":"b"}],"n":1}"#;
        assert_eq!(set(None).as_deref(), Some(changed));
        let changed = r#"{"status":"paused","messages":[{"content":"b"}],"n":NaN}"#;
        assert_eq!(set(Some((Put::Nan, "n"))).as_deref(), Some(changed));
        assert_eq!(Putting::with_values(None, &Map::new()), Ok(None));
    }

    #[test]
    fn a_place_that_cannot_be_read_is_refused() {
        for at in ["a..b", "a.", ".a", "[", "[x]", "a[0]b", "[=a]"] {
            let error = Putting::new(Put::Nan, at).unwrap_err();
            assert!(
                error.starts_with(&format!("`at` is `{at}`; it names")),
                "{error}"
            );
        }
        for (put, at) in [(Put::Missing, ""), (Put::Twice, ""), (Put::Twice, "a[0]")] {
            let error = Putting::new(put, at).unwrap_err();
            assert!(error.contains("say which with `at`"), "{error}");
        }
    }

    #[test]
    fn what_is_put_reads_back_as_it_is_written() {
        for value in [
            json!("half_emoji"),
            json!("deep"),
            json!("deep:7"),
            json!("raw:\"a\""),
            json!(null),
            json!(5),
            json!({"a": 1}),
            json!(true),
            json!("above_64_bits"),
            json!("other_type"),
            json!("missing"),
            json!("twice"),
            json!("null_entry"),
        ] {
            let put: Put = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(put).unwrap(), value);
        }
        let text = serde_json::to_value(Put::Json(json!("nan"))).unwrap();
        assert_eq!(text, "raw:\"nan\"");
        for (word, reason) in [
            ("half", "use half_emoji"),
            ("deep:0", "from 1 to"),
            ("deep:x", "from 1 to"),
        ] {
            let error = serde_json::from_value::<Put>(json!(word))
                .unwrap_err()
                .to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
