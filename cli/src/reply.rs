//! What a single request brought, for a program and for a person.

use serde_json::{Map, Value, json};
use sessionwire::Error;
use sessionwire::agi::{DeleteResult, SuccessResult};

use crate::args::Global;
use crate::failure::Failure;
use crate::output::Output;
use crate::render::one_line;
use crate::terminal::note;

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

/// Deletes sessions, each of them, whatever becomes of another.
pub(crate) async fn delete_each<F: Future<Output = Result<DeleteResult, Error>>>(
    ids: &[String],
    delete: impl Fn(String) -> F,
    global: &Global,
    output: &Output,
) -> Result<(), Failure> {
    let mut left = Vec::new();
    for id in ids {
        match delete(id.clone()).await {
            Ok(reply) => {
                let mut told = json!(reply);
                told["session_id"] = id.as_str().into();
                let said = outcome(reply.success, &reply.message);
                // Of several, each line says whose it is.
                let line = match ids.len() {
                    1 => said,
                    _ => format!("{}  {said}", one_line(id)),
                };
                show(&Reply::of(&told, [line]), global, output).await?;
            }
            Err(error) if ids.len() == 1 => return Err(error.into()),
            Err(error) => {
                note(&format!("error: {id}: {error}"));
                let mut line = Failure::Client(error.clone()).line();
                line["session_id"] = id.as_str().into();
                if global.json {
                    output.json(line.to_string()).await?;
                }
                left.push(error);
            }
        }
    }
    let Some(first) = left.first() else {
        return Ok(());
    };
    Err(Failure::Waited {
        kind: first.kind(),
        text: format!(
            "{} of {} sessions were not deleted. The lines above say which and why; run the command again for those.",
            left.len(),
            ids.len()
        ),
    })
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

/// How long ago a time was, in its largest unit.
pub(crate) fn age_of(milliseconds: i64) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX) - milliseconds / 1_000;
    match seconds.max(0) {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}
