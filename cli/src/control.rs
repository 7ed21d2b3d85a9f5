//! The requests of the API, one command each.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use sessionwire::Batch;
use sessionwire::agi::{
    CleanupOptions, CleanupReport, Client, EventOptions, ListMessages, Messages, Operation,
    Output as Reply, Screenshot, SessionInfo, SnapshotOptions,
};

use crate::args::{Control, Global, Session, Sessions};
use crate::client::{connect, unexpected};
use crate::failure::Failure;
use crate::files::check_target;
use crate::output::Output;
use crate::render::{Renderer, one_line};
use crate::screenshot;

/// A number that the command line has checked.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

pub(crate) async fn run(command: Control, global: &Global, output: &Output) -> Result<(), Failure> {
    let client = connect(global)?;
    let json = global.json;
    let operation = match command {
        Control::Events {
            session,
            types,
            no_history,
        } => {
            let mut options = EventOptions::new().include_history(!no_history);
            options.event_types = types;
            return events(
                &client,
                &session.id,
                options,
                Renderer::of_events(output, json),
            )
            .await;
        }
        Control::Screenshot {
            session,
            output: file,
        } => {
            return picture(&client, &session.id, file, json, output).await;
        }
        Control::Sessions(Sessions::List) => Operation::ListSessions {},
        Control::Sessions(Sessions::Get(Session { id })) => {
            Operation::GetSession { session_id: id }
        }
        Control::Sessions(Sessions::Delete(Session { id })) => Operation::DeleteSession {
            session_id: id,
            snapshot: SnapshotOptions::default(),
        },
        Control::Sessions(Sessions::Cleanup { older_than, status }) => {
            let mut options = CleanupOptions::new();
            options.older_than = older_than.map(duration);
            if !status.is_empty() {
                options.statuses = status;
            }
            Operation::Cleanup(options)
        }
        Control::Sessions(Sessions::DeleteAll) => Operation::DeleteAllSessions {},
        Control::Messages { session, after_id } => Operation::Messages {
            session_id: session.id,
            options: ListMessages::new().after_id(after_id),
        },
        Control::Status(Session { id }) => Operation::ExecutionStatus { session_id: id },
        Control::Pause(Session { id }) => Operation::Pause { session_id: id },
        Control::Resume(Session { id }) => Operation::Resume { session_id: id },
        Control::Cancel(Session { id }) => Operation::Cancel { session_id: id },
        Control::Navigate { session, url } => Operation::Navigate {
            session_id: session.id,
            url,
        },
    };
    let reply = client.execute(operation).await?;
    if json {
        output.json(reply.to_json()).await?;
    } else {
        for line in describe(&reply)? {
            output.line(line).await?;
        }
    }
    match reply {
        // Every session was tried; the exit status tells of the first that stayed.
        Reply::Cleanup(reports) => match reports.into_iter().find_map(|report| report.error) {
            Some(error) => Err(error.into()),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

async fn events(
    client: &Client,
    session_id: &str,
    options: EventOptions,
    renderer: Renderer<'_>,
) -> Result<(), Failure> {
    let started = Instant::now();
    let queue = client.events(session_id, options)?;
    loop {
        queue.wait().await;
        match queue.try_take(64) {
            Batch::Events(events) => {
                for event in &events {
                    renderer.event(event, started.elapsed()).await?;
                }
            }
            Batch::Empty => {}
            Batch::Ended => return Ok(()),
            Batch::Failed(error) => return Err(error.into()),
        }
    }
}

async fn picture(
    client: &Client,
    session_id: &str,
    file: Option<PathBuf>,
    json: bool,
    output: &Output,
) -> Result<(), Failure> {
    let to_stdout = file.as_deref() == Some(Path::new("-"));
    if to_stdout && output.is_terminal() {
        return Err(Failure::Usage(
            "A picture is not for a terminal. Name a file with --output, or pipe it to another program.".to_owned(),
        ));
    }
    if let Some(file) = file.as_deref().filter(|_| !to_stdout) {
        check_target(file)?;
    }
    let screenshot = screenshot::take(client, session_id).await?;
    if to_stdout {
        return output.bytes(screenshot.image.to_vec()).await;
    }
    let file = file.unwrap_or_else(|| {
        PathBuf::from(if screenshot.mime_type == "image/png" {
            "screenshot.png"
        } else {
            "screenshot.jpg"
        })
    });
    screenshot::save(&screenshot, &file)?;
    let Screenshot {
        width,
        height,
        url,
        title,
        ..
    } = &screenshot;
    let line = if json {
        let mut line = serde_json::json!(screenshot);
        line["file"] = Value::from(file.display().to_string());
        line.to_string()
    } else {
        one_line(&format!(
            "{}  {width}x{height}  {url}  {title}",
            file.display()
        ))
    };
    output.line(line).await
}

/// A reply for a person.
fn describe(reply: &Reply) -> Result<Vec<String>, Failure> {
    Ok(match reply {
        Reply::Session(session) => fields(session),
        Reply::Sessions(sessions) => table(sessions),
        Reply::Cleanup(reports) => reports.iter().map(cleaned).collect(),
        Reply::Delete(reply) => vec![outcome(reply.success, &reply.message)],
        Reply::Success(reply) => vec![outcome(reply.success, &reply.message)],
        Reply::Status(reply) => vec![one_line(&reply.status)],
        Reply::Navigation(reply) => vec![one_line(&reply.current_url)],
        Reply::Messages(messages) => message_lines(messages),
        other => return Err(unexpected(other)),
    })
}

/// What the service says of a command, or a word where it says nothing.
fn outcome(success: bool, message: &str) -> String {
    match (one_line(message), success) {
        (message, _) if !message.is_empty() => message,
        (_, true) => "ok".to_owned(),
        (_, false) => "The service did not do it and gives no reason".to_owned(),
    }
}

fn cleaned(report: &CleanupReport) -> String {
    let what = match (&report.error, report.deleted) {
        (Some(error), _) => format!("not deleted: {error}"),
        (None, true) => "deleted".to_owned(),
        (None, false) => "was gone".to_owned(),
    };
    let CleanupReport {
        session_id, status, ..
    } = report;
    [session_id, status, &what]
        .map(|cell| one_line(cell))
        .join("  ")
}

fn fields(session: &SessionInfo) -> Vec<String> {
    let known = [
        ("session_id", Some(session.session_id.as_str())),
        ("status", Some(session.status.as_str())),
        ("agent_name", Some(session.agent_name.as_str())),
        ("created_at", session.created_at.as_deref()),
        ("vnc_url", session.vnc_url.as_deref()),
    ];
    let known = known
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?.to_owned())));
    let extra = session.extra.iter().map(|(name, value)| {
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

fn table(sessions: &[SessionInfo]) -> Vec<String> {
    let row = |session: &SessionInfo| {
        [
            &session.session_id,
            &session.status,
            &session.agent_name,
            session.created_at.as_deref().unwrap_or_default(),
        ]
        .map(one_line)
    };
    let rows: Vec<_> = sessions.iter().map(row).collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    rows.iter()
        .map(|[id, status, agent, created]| {
            let [w0, w1, w2] = widths;
            format!("{id:<w0$}  {status:<w1$}  {agent:<w2$}  {created}")
                .trim_end()
                .to_owned()
        })
        .collect()
}

fn message_lines(messages: &Messages) -> Vec<String> {
    messages
        .messages
        .iter()
        .map(|message| {
            let text = one_line(&message.text());
            format!(
                "{:>5}  {:<8}  {text}",
                message.id,
                one_line(&message.message_type)
            )
            .trim_end()
            .to_owned()
        })
        .collect()
}
