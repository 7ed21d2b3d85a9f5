//! The requests of the API, one command each.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sessionwire::Batch;
use sessionwire::agi::{
    CleanupOptions, CleanupReport, Client, DeleteResult, EventOptions, EventType, ListMessages,
    Messages, Screenshot, Session, SessionInfo, SnapshotOptions, SuccessResult,
};

use crate::args::{Control, Global, Session as Id, Sessions};
use crate::client::connect;
use crate::failure::Failure;
use crate::files::check_target;
use crate::output::Output;
use crate::render::{Renderer, one_line};
use crate::screenshot;
use crate::terminal::note;

/// A number that the command line has checked.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

pub(crate) async fn run(command: Control, global: &Global, output: &Output) -> Result<(), Failure> {
    let client = connect(global)?;
    let json = global.json;
    let sessions = client.sessions();
    let reply = match command {
        Control::Events {
            session,
            types,
            no_history,
        } => {
            let mut options = EventOptions::new().include_history(!no_history);
            if let Some(types) = types {
                for warning in types.iter().filter_map(|name| EventType::unknown(name)) {
                    note(&format!("warning: {warning}"));
                }
                options.event_types = Some(types);
            }
            let renderer = Renderer::of_events(output, json);
            return events(&client, &session.id, options, renderer).await;
        }
        Control::Screenshot {
            session,
            output: file,
        } => return picture(&client, &session.id, file, json, output).await,
        Control::Sessions(Sessions::Cleanup { older_than, status }) => {
            let mut options = CleanupOptions::new();
            options.older_than = older_than.map(duration);
            if !status.is_empty() {
                options.statuses = status;
            }
            let reports = sessions.cleanup(options).await?;
            show(
                &Reply::of(&json!(reports), reports.iter().map(cleaned)),
                global,
                output,
            )
            .await?;
            // Every session was tried; the exit status tells of the first that stayed.
            return match reports.into_iter().find_map(|report| report.error) {
                Some(error) => Err(error.into()),
                None => Ok(()),
            };
        }
        Control::Sessions(Sessions::List) => {
            let found = sessions.list().await?;
            let infos: Vec<_> = found.iter().map(Session::info).collect();
            Reply::of(&json!(infos), table(&infos))
        }
        Control::Sessions(Sessions::Get(Id { id })) => {
            let session = sessions.get(&id).await?;
            Reply::of(&json!(session.info()), fields(session.info()))
        }
        Control::Sessions(Sessions::Delete(Id { id })) => {
            deleted(&sessions.delete(&id, SnapshotOptions::default()).await?)
        }
        Control::Sessions(Sessions::DeleteAll) => deleted(&sessions.delete_all().await?),
        Control::Messages { session, after_id } => {
            let options = ListMessages::new().after_id(after_id);
            let messages = sessions.attach(&session.id)?.messages(options).await?;
            Reply::of(&json!(messages), message_lines(&messages))
        }
        Control::Status(Id { id }) => {
            let status = sessions.attach(&id)?.execution_status().await?;
            Reply::of(&json!(status), [one_line(&status.status)])
        }
        Control::Pause(Id { id }) => done(&sessions.attach(&id)?.pause().await?),
        Control::Resume(Id { id }) => done(&sessions.attach(&id)?.resume().await?),
        Control::Cancel(Id { id }) => done(&sessions.attach(&id)?.cancel().await?),
        Control::Navigate { session, url } => {
            let current_url = sessions.attach(&session.id)?.navigate(&url).await?;
            let line = one_line(&current_url);
            Reply::of(&json!({ "current_url": current_url }), [line])
        }
    };
    show(&reply, global, output).await
}

/// A reply for a program, and for a person.
struct Reply {
    json: String,
    lines: Vec<String>,
}

impl Reply {
    fn of(reply: &Value, lines: impl IntoIterator<Item = String>) -> Self {
        Self {
            json: reply.to_string(),
            lines: lines.into_iter().collect(),
        }
    }
}

fn deleted(reply: &DeleteResult) -> Reply {
    Reply::of(&json!(reply), [outcome(reply.success, &reply.message)])
}

fn done(reply: &SuccessResult) -> Reply {
    Reply::of(&json!(reply), [outcome(reply.success, &reply.message)])
}

async fn show(reply: &Reply, global: &Global, output: &Output) -> Result<(), Failure> {
    if global.json {
        return output.json(reply.json.clone()).await;
    }
    for line in &reply.lines {
        output.line(line.clone()).await?;
    }
    Ok(())
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

fn table(sessions: &[&SessionInfo]) -> Vec<String> {
    let row = |session: &&SessionInfo| {
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
