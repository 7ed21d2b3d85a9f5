//! What a fault puts in the place of a value: JSON that strict parsers refuse, or a value that nobody expects.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value, json};

/// The number of lists in one another of `deep`, where none is given.
const DEEP: usize = 1000;
/// The most that can be asked for.
const DEEPEST: usize = 1_000_000;
/// What stands before JSON that is to be sent as it is.
const RAW: &str = "raw:";

/// What comes in the place of a value.
///
/// In a fault it is a word, such as `half_emoji`, or the JSON that comes instead.
#[derive(Debug, Clone, PartialEq)]
pub enum Put {
    /// `half_emoji`: the text, and half of a surrogate pair after it.
    HalfEmoji,
    /// `nan`: `NaN`, which is no JSON.
    Nan,
    /// `infinity`: `Infinity`, which is no JSON.
    Infinity,
    /// `out_of_range`: `1e400`, which no double holds.
    OutOfRange,
    /// `above_2_53`: 9007199254740993, which a double changes.
    Above253,
    /// `above_64_bits`: a whole number of 30 digits.
    Above64Bits,
    /// `deep`: 1000 lists in one another; `deep:N`: that many.
    Deep(usize),
    /// `other_type`: a value of another type. A text becomes a number, anything else a text.
    OtherType,
    /// `missing`: it is left out.
    Missing,
    /// `twice`: its name comes twice, first with `null`.
    Twice,
    /// `null_entry`: of a list, which gets a `null` before its first entry.
    NullEntry,
    /// `raw:...`: these characters, JSON or not.
    Raw(String),
    /// Any JSON but a text, which has to be `raw:"text"`.
    Json(Value),
}

impl Put {
    fn word(word: &str) -> Result<Self, String> {
        if let Some(raw) = word.strip_prefix(RAW) {
            return Ok(Self::Raw(raw.to_owned()));
        }
        if let Some(levels) = word.strip_prefix("deep:") {
            return match levels.parse() {
                Ok(levels) if (1..=DEEPEST).contains(&levels) => Ok(Self::Deep(levels)),
                _ => Err(format!(
                    "`deep:` needs a number of levels, from 1 to {DEEPEST}"
                )),
            };
        }
        Ok(match word {
            "half_emoji" => Self::HalfEmoji,
            "nan" => Self::Nan,
            "infinity" => Self::Infinity,
            "out_of_range" => Self::OutOfRange,
            "above_2_53" => Self::Above253,
            "above_64_bits" => Self::Above64Bits,
            "deep" => Self::Deep(DEEP),
            "other_type" => Self::OtherType,
            "missing" => Self::Missing,
            "twice" => Self::Twice,
            "null_entry" => Self::NullEntry,
            "null" => Self::Json(Value::Null),
            _ => {
                return Err(format!(
                    "`{word}` is nothing to put there; use half_emoji, nan, infinity, out_of_range, above_2_53, above_64_bits, \
                     deep, other_type, missing, twice, null_entry, JSON such as 5, null or [], or raw: and what is to be sent"
                ));
            }
        })
    }

    fn written(&self) -> Value {
        let word = match self {
            Self::HalfEmoji => "half_emoji",
            Self::Nan => "nan",
            Self::Infinity => "infinity",
            Self::OutOfRange => "out_of_range",
            Self::Above253 => "above_2_53",
            Self::Above64Bits => "above_64_bits",
            Self::Deep(DEEP) => "deep",
            Self::Deep(levels) => return format!("deep:{levels}").into(),
            Self::OtherType => "other_type",
            Self::Missing => "missing",
            Self::Twice => "twice",
            Self::NullEntry => "null_entry",
            Self::Raw(raw) => return format!("{RAW}{raw}").into(),
            Self::Json(Value::String(text)) => return format!("{RAW}{}", json!(text)).into(),
            Self::Json(value) => return value.clone(),
        };
        word.into()
    }

    /// The characters that come in the place of a value. Where it is left out there are none.
    pub(super) fn text(&self, value: &Value) -> String {
        match self {
            Self::HalfEmoji => {
                let text = value.as_str().map_or_else(String::new, str::to_owned);
                let mut text = json!(text).to_string();
                text.insert_str(text.len() - 1, r"\ud83d");
                text
            }
            Self::Nan => "NaN".to_owned(),
            Self::Infinity => "Infinity".to_owned(),
            Self::OutOfRange => "1e400".to_owned(),
            Self::Above253 => "9007199254740993".to_owned(),
            Self::Above64Bits => "123456789012345678901234567890".to_owned(),
            Self::Deep(levels) => format!("{}{}", "[".repeat(*levels), "]".repeat(*levels)),
            Self::OtherType => match value {
                Value::String(_) => "7".to_owned(),
                _ => "\"text\"".to_owned(),
            },
            Self::Missing => String::new(),
            // The first one: what was there follows.
            Self::Twice => "null".to_owned(),
            Self::NullEntry => match value {
                Value::Array(entries) => {
                    let mut entries = entries.clone();
                    entries.insert(0, Value::Null);
                    Value::Array(entries).to_string()
                }
                other => other.to_string(),
            },
            Self::Raw(raw) => raw.clone(),
            Self::Json(value) => value.to_string(),
        }
    }
}

impl Serialize for Put {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Put {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(word) => Self::word(&word).map_err(de::Error::custom),
            value => Ok(Self::Json(value)),
        }
    }
}

/// A `put` that is there: `null` is one too.
pub(super) fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Put>, D::Error> {
    Put::deserialize(deserializer).map(Some)
}
