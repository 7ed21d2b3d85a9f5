//! What a single request brought, for a program and for a person.

use serde_json::{Map, Value, json};
use sessionwire::agi::{DeleteResult, SuccessResult};

use crate::args::Global;
use crate::failure::Failure;
use crate::output::Output;
use crate::render::one_line;

/// A reply for a program, and for a person.
pub(crate) struct Reply {
    json: String,
    lines: Vec<String>,
}

impl Reply {
    pub(crate) fn of(reply: &Value, lines: impl IntoIterator<Item = String>) -> Self {
        Self {
            json: reply.to_string(),
            lines: lines.into_iter().collect(),
        }
    }
}

pub(crate) fn deleted(reply: &DeleteResult) -> Reply {
    Reply::of(&json!(reply), [outcome(reply.success, &reply.message)])
}

pub(crate) fn done(reply: &SuccessResult) -> Reply {
    Reply::of(&json!(reply), [outcome(reply.success, &reply.message)])
}

pub(crate) async fn show(reply: &Reply, global: &Global, output: &Output) -> Result<(), Failure> {
    if global.json {
        return output.json(reply.json.clone()).await;
    }
    for line in &reply.lines {
        output.line(line.clone()).await?;
    }
    Ok(())
}

/// What the service says of a command, or a word where it says nothing.
fn outcome(success: bool, message: &str) -> String {
    match (one_line(message), success) {
        (message, _) if !message.is_empty() => message,
        (_, true) => "ok".to_owned(),
        (_, false) => "The service did not do it and gives no reason".to_owned(),
    }
}

/// `name: value`, line by line: the fields that are known and there, then the others.
pub(crate) fn named<'a>(
    known: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    extra: &'a Map<String, Value>,
) -> Vec<String> {
    let known = known
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?.to_owned())));
    let extra = extra.iter().map(|(name, value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        (name.as_str(), text)
    });
    known
        .chain(extra)
        .map(|(name, value)| one_line(&format!("{name}: {value}")))
        .collect()
}

/// Rows as lines, with each column as wide as its widest cell.
pub(crate) fn aligned<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> Vec<String> {
    let rows: Vec<[String; N]> = rows.into_iter().collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(widths);
            let cells: Vec<_> = cells
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}
