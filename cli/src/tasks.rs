//! The tasks of `sessionwire batch`, one on each line.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::{Value, json};
use sessionwire::agi::{BatchTask, CreateSession, RunTasks};
use sessionwire::meaning::misread;

use crate::failure::Failure;

/// The tasks of a file that holds these bytes, and what each is called.
pub(crate) fn read_tasks(
    path: &Path,
    bytes: &[u8],
) -> Result<(Vec<BatchTask>, HashSet<String>), Failure> {
    let name = path.display();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut tasks = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let task = read_task(line)
            .map_err(|why| Failure::Usage(format!("Line {number} of {name} is no task: {why}")))?;
        let id = task.id.clone().unwrap_or_else(|| tasks.len().to_string());
        if let Some(first) = places.insert(id.clone(), number) {
            return Err(Failure::Usage(format!(
                "Lines {first} and {number} of {name} have the same \"id\", {id:?}. Give each task another one (one \
                 without an \"id\" is called by its place, from 0)."
            )));
        }
        if let Some(why) = misnamed(&task) {
            return Err(Failure::Usage(format!(
                "Line {number} of {name} is no task: {why}."
            )));
        }
        let checked = RunTasks::new([task.clone()]).check();
        checked.map_err(|why| {
            let why = why.message();
            let why = why
                .strip_prefix("The task with the index 0: ")
                .unwrap_or(why);
            Failure::Usage(format!("Line {number} of {name} is no task: {why}."))
        })?;
        tasks.push(task);
    }
    if tasks.is_empty() {
        return Err(Failure::Usage(format!(
            "{name} has no task. Write one on each line: {{\"message\": \"...\"}}."
        )));
    }
    Ok((tasks, places.into_keys().collect()))
}

fn read_task(line: &[u8]) -> Result<BatchTask, String> {
    let Ok(text) = std::str::from_utf8(line) else {
        return Err("it is not UTF-8. Save the file as UTF-8, and start again.".to_owned());
    };
    let value: Value = serde_json::from_str(text).map_err(|why| match line.first() {
        Some(b'{' | b'"') => format!("its JSON ends early or is wrong: {why}."),
        Some(b'[') => {
            "a list is not one task. Write one task on each line (`jq -c '.[]'` does it).".to_owned()
        }
        _ => "each line is a JSON object with \"message\", or a text in quotes (`jq -R .` makes such lines of plain \
              text)."
            .to_owned(),
    })?;
    if value.is_array() {
        return Err(
            "a list is not one task. Write one task on each line (`jq -c '.[]'` does it)."
                .to_owned(),
        );
    }
    serde_json::from_value(value).map_err(|why| format!("{}.", misread(&why.to_string())))
}

/// What is wrong with a name that no task has: one of those of a session, or a task's own.
fn misnamed(task: &BatchTask) -> Option<String> {
    task.create.keys().find_map(|name| {
        let read = serde_json::from_value::<CreateSession>(json!({ name: null }));
        let why = read.err()?.to_string();
        let (_, names) = why.split_once("unknown field `")?;
        let (_, names) = names.split_once("expected one of ")?;
        let of_session = names.split(", ").filter(|name| *name != "`snapshot`");
        let names: Vec<_> = ["`message`", "`id`", "`start_url`", "`timeout`"]
            .into_iter()
            .chain(of_session)
            .collect();
        Some(misread(&format!(
            "unknown field `{name}`, expected one of {}",
            names.join(", ")
        )))
    })
}
