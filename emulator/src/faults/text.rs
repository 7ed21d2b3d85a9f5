//! A fault as a line of text: `events cut_after=7 times=2`.
//!
//! The endpoint comes first, then `name=value` pairs, with the names and values of the JSON form. A value is JSON; what is
//! none is a string up to the next blank. A name without a value is `true`.

use super::fault::{Fault, FaultError, GENERAL};
use crate::plain::plain;
use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The one name whose value is never JSON: `[0].status` is a place.
const PLACE: &str = "at";

impl FromStr for Fault {
    type Err = FaultError;

    /// Reads the text or the JSON form; whether it has a meaning is [`Self::validate`]'s question.
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let text = text.trim();
        let fields = if text.starts_with('{') {
            serde_json::from_str(text).map_err(|error| FaultError(plain(&error.to_string())))?
        } else {
            fields(text).map_err(FaultError)?
        };
        read(fields).map_err(FaultError)
    }
}

/// Reads the JSON form.
fn read(mut fields: Map<String, Value>) -> Result<Fault, String> {
    if !fields.contains_key("times") && GENERAL.iter().any(|name| fields.contains_key(*name)) {
        fields.insert("times".to_owned(), 0.into());
    }
    Fault::deserialize(Value::Object(fields.clone())).map_err(|error| {
        let wrong: Vec<String> = fields.iter().filter_map(wrong).collect();
        if wrong.is_empty() {
            plain(&error.to_string())
        } else {
            wrong.join("; ")
        }
    })
}

/// What is wrong with one field, if anything is.
fn wrong((name, value): (&String, &Value)) -> Option<String> {
    let mut alone = Map::from_iter([("on".to_owned(), Value::from("*"))]);
    alone.insert(name.clone(), value.clone());
    let error = Fault::deserialize(Value::Object(alone)).err()?;
    let said = plain(&error.to_string());
    Some(match said.strip_prefix("it ") {
        Some(rest) => format!("`{name}` {rest}"),
        None if said.starts_with('`') => said,
        None => format!("`{name}`: {said}"),
    })
}

/// The JSON form of a line of text.
fn fields(text: &str) -> Result<Map<String, Value>, String> {
    let (endpoint, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    if endpoint.is_empty() || endpoint.contains('=') {
        return Err(
            "a fault begins with its endpoint, such as `events cut_after=7` or `* status=503`"
                .to_owned(),
        );
    }
    let mut fields = Map::new();
    fields.insert("on".to_owned(), endpoint.into());
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(fields);
        }
        let end = rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let (value, left) = match after.strip_prefix('=') {
            Some(text) => value(name, text)?,
            None => (Value::Bool(true), after),
        };
        if fields.insert(name.to_owned(), value).is_some() {
            return Err(format!("`{name}` is there twice"));
        }
        rest = left;
    }
}

/// The value at the start of a text, and what follows it.
fn value<'a>(name: &str, text: &'a str) -> Result<(Value, &'a str), String> {
    if is_json(text) && !(name == PLACE && text.starts_with('[')) {
        let mut values = serde_json::Deserializer::from_str(text).into_iter();
        return match values.next() {
            Some(Ok(value)) => match text.get(values.byte_offset()..).unwrap_or_default() {
                rest if rest.is_empty() || rest.starts_with(char::is_whitespace) => {
                    Ok((value, rest))
                }
                _ => Err(format!("after the value of `{name}` a blank is missing")),
            },
            Some(Err(error)) => {
                let why = plain(&error.to_string());
                Err(format!("the value of `{name}` is not JSON: {why}"))
            }
            None => Err(format!("the value of `{name}` is missing")),
        };
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let value = if name == PLACE {
        word.into()
    } else {
        serde_json::from_str(word).unwrap_or_else(|_| word.into())
    };
    Ok((value, rest))
}

/// Whether a value in JSON begins here: `{path}` is none.
fn is_json(text: &str) -> bool {
    let mut start = text.chars();
    match start.next() {
        Some('[' | '"') => true,
        Some('{') => matches!(start.next(), Some('"' | '}' | ' ')),
        _ => false,
    }
}

/// The text form; it reads back as the same fault.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(Value::Object(fields)) = written(self) else {
            return Err(fmt::Error);
        };
        for (name, value) in &fields {
            match value {
                Value::String(on) if name == "on" => f.write_str(on)?,
                // `deleted` is no switch: both its values mean something.
                Value::Bool(true) if name != "deleted" => write!(f, " {name}")?,
                Value::String(text) if name == PLACE && is_bare_place(text) => {
                    write!(f, " {name}={text}")?;
                }
                Value::String(text) if is_word(text) => write!(f, " {name}={text}")?,
                value => write!(f, " {name}={value}")?,
            }
        }
        Ok(())
    }
}

/// Whether a place can stand without quotes.
fn is_bare_place(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace) && !text.starts_with('"')
}

/// Whether a string can stand without quotes.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(char::is_whitespace)
        && !is_json(text)
        && serde_json::from_str::<Value>(text).is_err()
}

impl Fault {
    /// Reads faults, one a line, in the text or the JSON form; empty lines and lines that begin with `#` do not count.
    ///
    /// # Errors
    /// When one cannot be used; the text names the line.
    ///
    /// ```
    /// # use sessionwire_emulator::Fault;
    /// let faults = Fault::read_lines("# twice\nevents cut_after=1 times=2\n{\"on\": \"delete\", \"deleted\": false}")?;
    /// assert_eq!(faults.len(), 2);
    /// # Ok::<(), sessionwire_emulator::FaultError>(())
    /// ```
    pub fn read_lines(text: &str) -> Result<Vec<Self>, FaultError> {
        let lines = text.lines().map(str::trim).enumerate();
        lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(index, line)| {
                let fault: Self = line.parse().map_err(|error| at_line(index, &error))?;
                fault.validate().map_err(|error| at_line(index, &error))?;
                Ok(fault)
            })
            .collect()
    }

    /// Reads a file of faults, as [`Self::read_lines`] does.
    ///
    /// # Errors
    /// When it cannot be read or used; the text names the file and the line.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Vec<Self>, FaultError> {
        let path = path.as_ref();
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| FaultError(format!("{name} cannot be read: {error}")))?;
        Self::read_lines(&text).map_err(|error| FaultError(format!("{name}: {error}")))
    }
}

fn at_line(index: usize, error: &FaultError) -> FaultError {
    FaultError(format!("line {}: {error}", index + 1))
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = written(self).map_err(serde::ser::Error::custom)?;
        serde::Serialize::serialize(&fields, serializer)
    }
}

/// The derived form, without what reads back by itself.
fn written(fault: &Fault) -> Result<Value, serde_json::Error> {
    let mut value = Fault::serialize(fault, serde_json::value::Serializer)?;
    if let Value::Object(fields) = &mut value
        && fault.times == 0
        && GENERAL.iter().any(|name| fields.contains_key(*name))
    {
        fields.shift_remove("times");
    }
    Ok(value)
}

/// Where a fault is wanted, the line of text serves too.
impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> de::Visitor<'de> for Form {
            type Value = Fault;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a fault: an object such as {\"on\": \"events\", \"cut_after\": 7} or a text such as `events cut_after=7`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Fault, E> {
                text.parse().map_err(|error| {
                    E::custom(format!("the fault `{text}` cannot be used: {error}"))
                })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Fault, A::Error> {
                let fields = Map::deserialize(MapAccessDeserializer::new(map))?;
                read(fields).map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::Endpoint;
    use super::*;
    use serde_json::json;

    fn fault(text: &str) -> Fault {
        text.parse().unwrap()
    }

    #[test]
    fn both_forms_say_the_same_and_print_back() {
        for (text, value) in [
            (
                "events cut_after=7",
                json!({"on": "events", "cut_after": 7}),
            ),
            (
                "* reset times=0 skip=2",
                json!({"on": "*", "times": 0, "skip": 2, "reset": true}),
            ),
            (
                r#"create status=429 body={"detail":"a b"} headers={"Retry-After":"7"}"#,
                json!({"on": "create", "status": 429, "headers": {"Retry-After": "7"}, "body": {"detail": "a b"}}),
            ),
            (
                r#"events insert="event: x\ndata: y\n\n" insert_after=2"#,
                json!({"on": "events", "insert": "event: x\ndata: y\n\n", "insert_after": 2}),
            ),
            (
                "list redirect={path} times=3",
                json!({"on": "list", "redirect": "{path}", "times": 3}),
            ),
            (
                "list status=200 body=plain",
                json!({"on": "list", "status": 200, "body": "plain"}),
            ),
            (
                r#"list status=200 body="503""#,
                json!({"on": "list", "status": 200, "body": "503"}),
            ),
            (
                "events drop_ids=[5,9]",
                json!({"on": "events", "drop_ids": [5, 9]}),
            ),
            (
                "delete deleted=false",
                json!({"on": "delete", "deleted": false}),
            ),
            (
                "list put=null at=[0].created_at",
                json!({"on": "list", "put": null, "at": "[0].created_at"}),
            ),
            (
                r#"list put=[1] at="[a=b c].d""#,
                json!({"on": "list", "put": [1], "at": "[a=b c].d"}),
            ),
            (
                "* latency=0.2 jitter=0.1 seed=7",
                json!({"on": "*", "latency": 0.2, "jitter": 0.1, "seed": 7}),
            ),
            (
                "message status=503 times=2 task=mug chance=0.5",
                json!({"on": "message", "status": 503, "times": 2, "task": "mug", "chance": 0.5}),
            ),
            (
                r#"list hang key=k header={"x-team":{"regex":"^a"}} every=3 starts_after=1.0 lasts=2.5"#,
                json!({"on": "list", "hang": true, "key": "k", "header": {"x-team": {"regex": "^a"}}, "every": 3,
                       "starts_after": 1.0, "lasts": 2.5}),
            ),
            (
                r#"get set={"status":"paused"}"#,
                json!({"on": "get", "set": {"status": "paused"}}),
            ),
            ("* per_minute=60", json!({"on": "*", "per_minute": 60})),
            (
                "get delay=0.25 session_id=a-b",
                json!({"on": "get", "session_id": "a-b", "delay": 0.25}),
            ),
        ] {
            let parsed = fault(text);
            assert_eq!(parsed.to_string(), text);
            assert_eq!(
                serde_json::from_value::<Fault>(value.clone()).unwrap(),
                parsed,
                "{text}"
            );
            assert_eq!(
                serde_json::from_value::<Fault>(json!(text)).unwrap(),
                parsed,
                "{text}"
            );
            // JSON prints back as JSON, and either form of it is the same fault.
            let printed = serde_json::to_value(&parsed).unwrap();
            assert_eq!(printed, value, "{text}");
            assert_eq!(fault(&printed.to_string()), parsed, "{text}");
        }
    }

    #[test]
    fn a_braced_path_is_a_string_not_an_object() {
        let fault = fault("get redirect={path}/x");
        assert_eq!(fault.redirect.as_deref(), Some("{path}/x"));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "begins with its endpoint"),
            ("cut_after=7", "begins with its endpoint"),
            (
                "nowhere hang",
                "`nowhere` is not known; it is one of `create`",
            ),
            ("list hangs", "`hangs` is not known: write `hang`"),
            ("list jump", "`jump` is not known; it is one of `on`"),
            (
                "list status=many",
                "`status` is the text \"many\", and must be a whole number",
            ),
            ("list status=500 status=501", "`status` is there twice"),
            ("list on=get", "`on` is there twice"),
            (r#"list headers={"a""#, "the value of `headers` is not JSON"),
            (r#"list body="a"b"#, "a blank is missing"),
            ("{\"on\": 5}", "`on`"),
            ("{", "ends too early"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let error = serde_json::from_value::<Fault>(json!(7))
            .unwrap_err()
            .to_string();
        assert!(error.contains("such as `events cut_after=7`"), "{error}");
    }

    #[test]
    fn lines_are_read_and_the_bad_one_is_named() {
        let faults = Fault::read_lines(
            "\n# a comment\nevents cut_after=1\n  {\"on\": \"list\", \"hang\": true}\n",
        )
        .unwrap();
        assert_eq!(
            faults.iter().map(|fault| fault.on).collect::<Vec<_>>(),
            [Endpoint::Events, Endpoint::List]
        );
        for (text, reason) in [
            (
                "list hang\nlist hangs",
                "line 2: `hangs` is not known: write `hang`",
            ),
            ("list hang\n\nlist", "line 3: a fault needs an action"),
        ] {
            let error = Fault::read_lines(text).unwrap_err().to_string();
            assert!(error.starts_with(reason), "{error}");
        }
        let error = Fault::read_file("/nowhere/faults.txt")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("/nowhere/faults.txt cannot be read"),
            "{error}"
        );
    }
}
