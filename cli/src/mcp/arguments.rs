//! The arguments of a tool, read one by one: what is wrong is said by its name.

use rmcp::model::JsonObject;
use serde_json::Value;

use super::replies::Refusal;

pub(super) struct Arguments {
    given: JsonObject,
}

impl Arguments {
    pub(super) fn new(given: Option<JsonObject>) -> Self {
        Self {
            given: given.unwrap_or_default(),
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String, Refusal> {
        let text = self.text_if_given(name)?;
        text.ok_or_else(|| refuse(name, "is missing. Pass a text."))
    }

    pub(super) fn text_if_given(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(refuse(name, "is no text. Pass a text.")),
        }
    }

    pub(super) fn number_if_given(&mut self, name: &str) -> Result<Option<f64>, Refusal> {
        let number = self.take(name).map(|given| {
            let number = given.as_f64().filter(|number| *number >= 0.0);
            number.ok_or_else(|| refuse(name, "is no number from 0. Pass one."))
        });
        number.transpose()
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Refusal> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(refuse(name, "is neither true nor false. Pass one of them.")),
        }
    }

    pub(super) fn list(&mut self, name: &str) -> Result<Vec<Value>, Refusal> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(refuse(name, "is no list. Pass a list.")),
        }
    }

    /// Refuses what is left: nobody would read it.
    pub(super) fn done(self) -> Result<(), Refusal> {
        match self.given.iter().find(|(_, value)| !value.is_null()) {
            None => Ok(()),
            Some((name, _)) => Err(refuse(
                name,
                "is no argument of this tool. Leave it out, or take one of the tool's input schema.",
            )),
        }
    }

    /// Models write null for what they leave out.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.given
            .shift_remove(name)
            .filter(|given| !given.is_null())
    }
}

pub(super) fn refuse(name: &str, why: &str) -> Refusal {
    Refusal::new(format!("{name} {why} Nothing was sent."))
}
