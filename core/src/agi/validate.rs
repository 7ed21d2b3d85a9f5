//! Bad input is refused here, before anything is sent.

use std::collections::HashMap;
use std::time::Duration;

use url::Url;

use super::models::{
    BatchTask, CleanupOptions, CreateSession, EventOptions, ListMessages, PoolOptions, RunTasks,
    SnapshotOptions, StartTask,
};
use crate::error::{Error, Result};
use crate::meaning::misread;

pub(super) use crate::validate::{duration, seconds, session_id};

const MAX_MESSAGE: usize = 10_000;

const MAX_URL: usize = 2_000;

pub(super) fn message(message: &str, start_url: Option<&str>) -> Result<()> {
    text("message", message)?;
    start_url.map_or(Ok(()), |url| url_length("start_url", url))
}

/// The text of a message, by the name of its parameter.
pub(super) fn text(name: &str, text: &str) -> Result<()> {
    match text.chars().count() {
        0 => Err(Error::invalid(format!(
            "`{name}` is empty. Say what the agent shall do"
        ))),
        length if length > MAX_MESSAGE => Err(Error::invalid(format!(
            "`{name}` has {length} characters; the service takes at most {MAX_MESSAGE}. Shorten it, \
             or give the agent a URL to read"
        ))),
        _ => Ok(()),
    }
}

pub(crate) fn web_url(name: &str, text: &str) -> Result<()> {
    url_length(name, text)?;
    let bad = |why: String| {
        Error::invalid(format!(
            "`{name}` is not a web address: {why}. Write it in full, such as https://shop.example/cart"
        ))
    };
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            return Err(bad(format!("{text:?} has no scheme")));
        }
        Err(error) => return Err(bad(format!("{text:?}: {error}"))),
    };
    match url.scheme() {
        "http" | "https" => Ok(()),
        // `shop.example:8080/cart` parses as a scheme of its own.
        other => Err(bad(format!(
            "the scheme of {text:?} is `{other}`, not http or https"
        ))),
    }
}

fn url_length(name: &str, url: &str) -> Result<()> {
    match url.chars().count() {
        0 => Err(Error::invalid(format!(
            "`{name}` is empty. Leave it out, or write an address such as https://shop.example"
        ))),
        length if length > MAX_URL => Err(Error::invalid(format!(
            "`{name}` has {length} characters; the service takes at most {MAX_URL}"
        ))),
        _ => Ok(()),
    }
}

pub(super) fn create(create: &CreateSession) -> Result<()> {
    if create.agent_name.is_empty() {
        return Err(Error::invalid(
            "`agent_name` is empty. Leave it out for agi-0, or name an agent such as agi-0-fast",
        ));
    }
    create
        .webhook_url
        .as_deref()
        .map_or(Ok(()), |url| web_url("webhook_url", url))
}

pub(super) fn snapshot(options: &SnapshotOptions) -> Result<()> {
    let mode = options.save_snapshot_mode.as_deref();
    if let Some(mode) = mode.filter(|mode| !matches!(*mode, "none" | "memory" | "filesystem")) {
        return Err(Error::invalid(format!(
            "`save_snapshot_mode` is {mode:?}. Use none, memory or filesystem"
        )));
    }
    if options.save_as_default == Some(true) && matches!(mode, None | Some("none")) {
        return Err(Error::invalid(
            "`save_as_default` needs a snapshot to save. Set `save_snapshot_mode` to memory or filesystem too",
        ));
    }
    Ok(())
}

pub(super) fn run_tasks(plan: &RunTasks) -> Result<()> {
    if plan.concurrency == 0 {
        return Err(Error::invalid(
            "`concurrency` is 0. Pass how many tasks may run at once, such as 4",
        ));
    }
    if plan.retry_failed && plan.journal.is_none() {
        return Err(Error::invalid(
            "`retry_failed` is about the tasks of a journal. Pass `journal` too, or leave it out",
        ));
    }
    let mut named = HashMap::new();
    for (index, (task, id)) in plan.tasks.iter().zip(plan.ids()).enumerate() {
        batch_task(plan, task).map_err(|error| {
            Error::invalid(format!(
                "The task with the index {index}: {}",
                error.message()
            ))
        })?;
        if let Some(first) = named.insert(id.clone(), index) {
            return Err(Error::invalid(format!(
                "The tasks with the indexes {first} and {index} have the same `id`, {id:?}. Give each another one (one \
                 without an `id` is called by its index)"
            )));
        }
    }
    plan.timeout
        .map(|timeout| duration("timeout", timeout))
        .transpose()?;
    snapshot(&plan.snapshot)?;
    create(&plan.create)
}

fn batch_task(plan: &RunTasks, task: &BatchTask) -> Result<()> {
    message(&task.message, plan.start_url_of(task))?;
    if task.id.as_deref() == Some("") {
        return Err(Error::invalid(
            "`id` is empty. Give it a name, or leave it out",
        ));
    }
    task.timeout
        .map(|timeout| duration("timeout", timeout))
        .transpose()?;
    if task.create.is_empty() {
        return Ok(());
    }
    if task.create.contains_key("snapshot") {
        return Err(Error::invalid(
            "`snapshot` holds for the sessions of all tasks. Pass it for all, not with one",
        ));
    }
    let own = plan
        .create_of(task)
        .map_err(|why| Error::invalid(misread(&why.to_string())))?;
    create(&own)
}

/// The age that `cleanup` asks for.
pub(super) fn cleanup(options: &CleanupOptions) -> Result<Option<Duration>> {
    if options.statuses.is_empty() {
        return Err(Error::invalid(
            "`statuses` is empty, so nothing would match. Name some, such as completed and error",
        ));
    }
    Ok(options
        .older_than
        .map(|age| age.min(crate::seconds::LONGEST)))
}

pub(super) fn list_messages(options: &ListMessages) -> Result<()> {
    if options.after_id < 0 {
        return Err(Error::invalid(format!(
            "`after_id` is {}. Pass 0 for all messages, or the id of the last one you have",
            options.after_id
        )));
    }
    Ok(())
}

pub(super) fn event_options(options: &EventOptions) -> Result<()> {
    duration("idle_timeout", options.idle_timeout)?;
    options
        .timeout
        .map(|timeout| duration("timeout", timeout))
        .transpose()?;
    duration("poll_interval", options.poll_interval)?;
    match &options.event_types {
        Some(types) if types.is_empty() => Err(Error::invalid(
            "`event_types` is empty. Leave it out for all types, or name some, such as question and done",
        )),
        Some(types) => types.iter().try_for_each(|name| {
            if name.is_empty() || name.contains([',', '\n', '\r']) {
                Err(Error::invalid(format!(
                    "`event_types` has {name:?}. Pass one type per entry, such as question"
                )))
            } else {
                Ok(())
            }
        }),
        None => Ok(()),
    }
}

impl SnapshotOptions {
    pub(crate) fn check(&self) -> Result<()> {
        snapshot(self)
    }
}

impl PoolOptions {
    pub(super) fn check(&self) -> Result<()> {
        if self.max_sessions == 0 {
            return Err(Error::invalid(
                "`max_sessions` is 0, so nobody would get a session. Allow 1 or more",
            ));
        }
        self.max_age
            .map(|age| duration("max_age", age))
            .transpose()?;
        snapshot(&self.create.snapshot)?;
        create(&self.create)
    }
}

impl RunTasks {
    /// Refuses what the service would refuse. Sends nothing.
    ///
    /// # Errors
    /// `InvalidRequest` for what would be refused.
    pub fn check(&self) -> Result<()> {
        run_tasks(self)
    }
}

impl StartTask {
    /// Refuses what the service would refuse, without a request: for callers
    /// who create a session for this task first.
    ///
    /// # Errors
    /// `InvalidRequest` for what would be refused.
    pub fn check(&self) -> Result<()> {
        message(&self.message, self.start_url.as_deref())?;
        event_options(&self.events)
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn refused(result: Result<()>, words: &[&str]) {
        let error = result.expect_err("it is refused");
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{text}");
        for word in words {
            assert!(text.contains(word), "{word:?} is not in: {text}");
        }
        assert!(text.ends_with('.') && text.len() < 400, "{text}");
    }

    #[test]
    fn session_ids() {
        for good in [
            "7c1f9a52-3d0e-4b8e-9a6d-1f2e3c4b5a69",
            "a/b",
            "..a",
            "...",
            "%2e",
            "é",
            " ",
        ] {
            assert!(session_id(good).is_ok(), "{good}");
        }
        refused(session_id(""), &["`session_id`", "empty", "delete_all"]);
        refused(session_id("."), &["`session_id`", "\".\""]);
        refused(session_id(".."), &["`session_id`", "\"..\""]);
    }

    #[test]
    fn the_length_of_a_message_counts_characters() {
        for (text, good) in [
            ("", false),
            ("x", true),
            (" ", true),
            (&*"x".repeat(10_000), true),
            (&*"🛫".repeat(10_000), true),
            (&*"x".repeat(10_001), false),
            (&*"🛫".repeat(10_001), false),
        ] {
            assert_eq!(message(text, None).is_ok(), good, "{} bytes", text.len());
        }
        refused(message("", None), &["`message`", "empty"]);
        let long = "x".repeat(11_000);
        refused(
            message(&long, None),
            &["`message`", "11000", "10000", "Shorten"],
        );
    }

    #[test]
    fn a_start_url_is_checked_by_its_length_only() {
        let with = |url: String| message("x", Some(&url));
        assert!(with("shop.example".to_owned()).is_ok());
        assert!(with("é".repeat(2000)).is_ok());
        refused(with("x".repeat(2001)), &["`start_url`", "2001", "2000"]);
        refused(with(String::new()), &["`start_url`", "empty"]);
    }

    #[test]
    fn web_addresses() {
        for good in [
            "https://shop.example/cart",
            "http://127.0.0.1:8080/?q=1#top",
            "HTTPS://SHOP.EXAMPLE",
            "https://é.example/ü",
            "https://[::1]/",
        ] {
            assert!(web_url("url", good).is_ok(), "{good}");
        }
        for (bad, words) in [
            ("", &["`url`", "empty"][..]),
            (
                "shop.example/cart",
                &["`url`", "no scheme", "https://shop.example/cart"],
            ),
            ("/cart", &["no scheme"]),
            ("//shop.example", &["no scheme"]),
            ("shop.example:8080/cart", &["scheme", "shop.example"]),
            ("ftp://shop.example", &["`ftp`", "not http or https"]),
            ("javascript:alert(1)", &["`javascript`"]),
            ("file:///etc/passwd", &["`file`"]),
            ("data:text/html,x", &["`data`"]),
            ("about:blank", &["`about`"]),
            ("https://", &["`url`"]),
            ("https://host:99999", &["port"]),
            ("https://a b.example", &["`url`"]),
        ] {
            refused(web_url("url", bad), words);
        }
        let long = |length: usize| format!("https://x.example/{}", "y".repeat(length - 18));
        assert!(web_url("url", &long(2000)).is_ok());
        refused(web_url("url", &long(2001)), &["2001", "2000"]);
    }

    #[test]
    fn parameters_of_create() {
        assert!(create(&CreateSession::default()).is_ok());
        assert!(create(&CreateSession::new("an-agent-of-tomorrow")).is_ok());
        refused(create(&CreateSession::new("")), &["`agent_name`", "empty"]);
        let mut with_hook = CreateSession::new("agi-0");
        with_hook.webhook_url = Some("https://hook.example".to_owned());
        assert!(create(&with_hook).is_ok());
        with_hook.webhook_url = Some("hook.example".to_owned());
        refused(create(&with_hook), &["`webhook_url`", "no scheme"]);
    }

    #[test]
    fn snapshots() {
        for mode in [
            None,
            Some("none"),
            Some("memory"),
            Some("filesystem"),
            Some("auto"),
            Some(""),
        ] {
            for as_default in [None, Some(false), Some(true)] {
                let known = !matches!(mode, Some("auto" | ""));
                let saves = matches!(mode, Some("memory" | "filesystem"));
                let options = SnapshotOptions {
                    save_snapshot_mode: mode.map(str::to_owned),
                    save_as_default: as_default,
                };
                let good = known && (saves || as_default != Some(true));
                assert_eq!(snapshot(&options).is_ok(), good, "{options:?}");
                if !good {
                    refused(snapshot(&options), &["`save_snapshot_mode`", "filesystem"]);
                }
            }
        }
    }

    #[test]
    fn message_ids() {
        for (after_id, good) in [(0, true), (i64::MAX, true), (-1, false), (i64::MIN, false)] {
            let options = ListMessages {
                after_id,
                ..ListMessages::default()
            };
            assert_eq!(list_messages(&options).is_ok(), good, "{after_id}");
        }
    }

    #[test]
    fn options_of_a_stream() {
        let types = |names: &[&str]| EventOptions {
            event_types: Some(names.iter().map(|name| (*name).to_owned()).collect()),
            ..EventOptions::default()
        };
        assert!(event_options(&EventOptions::default()).is_ok());
        assert!(event_options(&types(&["question", "a-type-of-tomorrow"])).is_ok());
        refused(event_options(&types(&[])), &["`event_types`", "empty"]);
        for bad in ["", "question,done", "a\nb", "a\rb"] {
            refused(event_options(&types(&["done", bad])), &["`event_types`"]);
        }
        let options = EventOptions {
            idle_timeout: Duration::ZERO,
            ..EventOptions::default()
        };
        refused(event_options(&options), &["`idle_timeout`", "positive"]);
    }
}
