//! What the values of the wire mean: one rule for every language. Pure.
//!
//! For the bindings, which call it; Rust's own types use it inside. Not part of
//! the public interface.

mod ending;
mod find;
mod json;
mod likely;
mod misread;
mod page;
mod read;
mod text;
mod time;

pub use ending::is_over;
pub use find::{find_all_json, find_json};
pub use json::{DEEPEST, plain};
pub use misread::misread;
pub use text::{TEXT_FIELDS, Text};
pub use time::{Moment, iso_text, moment};

pub(crate) use json::{
    decoded, each_member, each_member_of, from_bytes, has_more_values, is_json, unquoted, value,
};
pub(crate) use likely::likeliest;
pub(crate) use page::is_web_page;
pub(crate) use read::{Fields, whole_number};
pub(crate) use text::{plain_and_text, text_of};
pub(crate) use time::milliseconds;
