//! What the session's browser shows.

mod extract;
mod model;
mod open;
mod price;

pub(crate) use model::{Content, Page, Price, Style};
pub(crate) use price::prices_in;
