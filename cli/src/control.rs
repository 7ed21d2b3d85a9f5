//! The requests of the API, one command each.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sessionwire::agi::{
    CleanupOptions, CleanupReport, Client, EventOptions, EventType, ListMessages, Messages,
    ReapOptions, ReapOutcome, ReapReport, Screenshot, Session, SessionInfo, SnapshotOptions,
};

use crate::args::{self, Control, Global, Session as Id, Sessions};
use crate::client::{client, connect, options};
use crate::failure::Failure;
use crate::files::check_target;
use crate::output::Output;
use crate::render::{Renderer, one_line};
use crate::reply::{Reply, aligned, deleted, done, named, show};
use crate::screenshot;
use crate::terminal::note;

pub(crate) async fn run(command: Control, global: &Global, output: &Output) -> Result<(), Failure> {
    let client = match &command {
        Control::Sessions(Sessions::Reap { ledger, .. }) => {
            let mut options = options(global);
            options.ledger.clone_from(ledger);
            client(options)?
        }
        _ => connect(global)?,
    };
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
            return renderer.events(&client.events(&session.id, options)?).await;
        }
        Control::Screenshot {
            session,
            output: file,
        } => return picture(&client, &session.id, file, json, output).await,
        Control::Sessions(Sessions::Cleanup { older_than, status }) => {
            let mut options = CleanupOptions::new();
            options.older_than = older_than.map(args::duration);
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
        Control::Sessions(Sessions::Reap { older_than, .. }) => {
            let mut options = ReapOptions::new();
            options.older_than = older_than.map(args::duration);
            let reports = sessions.reap(options).await?;
            let reply = Reply::of(&json!(reports), reports.iter().map(reaped));
            show(&reply, global, output).await?;
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
        Control::Cancel(Id { id }) => done(&sessions.attach(&id)?.cancel().await?),
        Control::Navigate { session, url } => {
            let current_url = sessions.attach(&session.id)?.navigate(&url).await?;
            let line = one_line(&current_url);
            Reply::of(&json!({ "current_url": current_url }), [line])
        }
    };
    show(&reply, global, output).await
}

/// `sessionwire resume SESSION`: goes on with a paused task.
pub(crate) async fn unpause(
    session_id: &str,
    global: &Global,
    output: &Output,
) -> Result<(), Failure> {
    let session = connect(global)?.sessions().attach(session_id)?;
    show(&done(&session.resume().await?), global, output).await
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

fn reaped(report: &ReapReport) -> String {
    let what = match (&report.outcome, &report.error) {
        (_, Some(error)) => format!("not deleted: {error}"),
        (ReapOutcome::Deleted, None) => "deleted".to_owned(),
        (ReapOutcome::Gone, None) => "was gone".to_owned(),
        _ if report.session_id.is_none() => {
            "perhaps: its process died before the answer came. Look for it in `sessions list`"
                .to_owned()
        }
        _ => "perhaps: nobody can tell whether its process lives. Not deleted".to_owned(),
    };
    let ReapReport {
        session_id,
        agent_name,
        created_at,
        ..
    } = report;
    [
        session_id.as_deref().unwrap_or("?"),
        agent_name,
        created_at,
        &what,
    ]
    .map(one_line)
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
    named(known, &session.extra)
}

fn table(sessions: &[&SessionInfo]) -> Vec<String> {
    aligned(sessions.iter().map(|session| {
        [
            &session.session_id,
            &session.status,
            &session.agent_name,
            session.created_at.as_deref().unwrap_or_default(),
        ]
        .map(one_line)
    }))
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
