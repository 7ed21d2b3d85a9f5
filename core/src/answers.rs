//! What both services answer, and how their JSON is read with tolerance.

use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// The answer of a delete (docs/spec/agi.md, section 4.4;
/// docs/spec/raccoon.md, section 4.5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeleteResult {
    /// Whether the service carried the request out.
    #[serde(default = "yes", deserialize_with = "null_as_yes")]
    pub success: bool,
    /// Whether anything was deleted; false for a session that was gone.
    #[serde(default, deserialize_with = "null_as_default")]
    pub deleted: bool,
    /// The service's words.
    #[serde(default, deserialize_with = "null_as_default")]
    pub message: String,
}

impl DeleteResult {
    /// An error where the service says that it did not carry the delete out.
    pub(crate) fn confirmed(self) -> Result<Self> {
        if self.success {
            return Ok(self);
        }
        Err(Error::new(
            ErrorKind::Status,
            format!("The service did not delete it: {}", self.message),
        )
        .with_reason("not_deleted"))
    }

    /// The outcome of a delete: what shall be gone and is not there is gone.
    pub(crate) fn or_gone(outcome: Result<Self>) -> Result<Self> {
        match outcome {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self {
                success: true,
                deleted: false,
                message: error.message().to_owned(),
            }),
            outcome => outcome,
        }
    }
}

/// The answer of a command such as pause (docs/spec/agi.md, sections 4.6 and 4.10;
/// docs/spec/raccoon.md, section 4.4).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SuccessResult {
    /// Whether the service carried the request out.
    #[serde(default = "yes", deserialize_with = "null_as_yes")]
    pub success: bool,
    /// The service's words.
    #[serde(default, deserialize_with = "null_as_default")]
    pub message: String,
}

impl SuccessResult {
    /// A success, in our words or none.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            success: true,
            message: message.into(),
        }
    }
}

/// What is given to language bindings.
pub(crate) fn to_json(output: &impl Serialize) -> String {
    serde_json::to_string(output).unwrap_or_else(|_| "null".to_owned())
}

pub(crate) fn yes() -> bool {
    true
}

pub(crate) fn null_as_yes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(true))
}

pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
