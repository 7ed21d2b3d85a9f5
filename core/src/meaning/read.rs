//! The fields of a JSON object, taken one by one.
//!
//! A field of another type than documented counts as missing, and stays: what
//! nobody took is the object's `extra`.

use serde_json::{Map, Value};

use super::time;

/// What is left of an object.
#[derive(Debug)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// Takes the first of these fields that `read` understands. One that is null
    /// is missing; one that is not understood stays.
    pub(crate) fn take<T>(
        &mut self,
        names: &[&str],
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        for name in names {
            match self.0.get(*name) {
                None => {}
                Some(Value::Null) => {
                    self.0.shift_remove(*name);
                }
                Some(value) => {
                    if let Some(found) = read(value) {
                        self.0.shift_remove(*name);
                        return Some(found);
                    }
                }
            }
        }
        None
    }

    pub(crate) fn text(&mut self, names: &[&str]) -> Option<String> {
        // Without a copy: a list may have thousands of them.
        for name in names {
            if let Some(Value::Null | Value::String(_)) = self.0.get(*name)
                && let Some(Value::String(text)) = self.0.shift_remove(*name)
            {
                return Some(text);
            }
        }
        None
    }

    /// An id: a text, or a whole number as text.
    pub(crate) fn id(&mut self, names: &[&str]) -> Option<String> {
        self.take(names, |value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) if !number.is_f64() => Some(number.to_string()),
            _ => None,
        })
    }

    /// A whole number, also where it is written as text.
    pub(crate) fn whole_number(&mut self, names: &[&str]) -> Option<i64> {
        self.take(names, whole_number)
    }

    pub(crate) fn milliseconds(&mut self, names: &[&str]) -> Option<i64> {
        self.take(names, time::milliseconds)
    }

    pub(crate) fn flag(&mut self, names: &[&str]) -> Option<bool> {
        self.take(names, Value::as_bool)
    }

    pub(crate) fn object(&mut self, names: &[&str]) -> Option<Map<String, Value>> {
        self.take(names, |value| value.as_object().cloned())
    }

    pub(crate) fn list(&mut self, names: &[&str]) -> Option<Vec<Value>> {
        self.take(names, |value| value.as_array().cloned())
    }

    /// Takes a field whatever it is.
    pub(crate) fn any(&mut self, name: &str) -> Option<Value> {
        self.0.shift_remove(name)
    }

    /// What nobody took.
    pub(crate) fn rest(self) -> Map<String, Value> {
        // The room of what was taken would stay: a kilobyte for each entry of a list.
        match self.0.is_empty() {
            true => Map::new(),
            false => self.0,
        }
    }
}

pub(crate) fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64()?;
            (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
