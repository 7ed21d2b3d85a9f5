//! Counts as JSON has them: whole numbers. A function per name, so that an error can say which
//! number is wrong.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

fn read(value: &Value, name: &str) -> Result<usize, String> {
    let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| format!("`{name}` must be a whole number, 1 or more, not {value}"))
}

macro_rules! named {
    ($($name:ident)*) => { $(
        pub(crate) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
            let value = Value::deserialize(deserializer)?;
            read(&value, stringify!($name)).map_err(serde::de::Error::custom)
        }
    )* };
}

named! { concurrency max_sessions }
