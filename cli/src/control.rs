//! The requests of the API, one command each.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sessionwire::ErrorKind;
use sessionwire::agi::{
    CleanupOptions, CleanupReport, Client, EventOptions, EventType, ListMessages, Messages,
    ReapOptions, ReapOutcome, ReapReport, Screenshot, SendMessage, Session, SessionInfo,
    WaitOptions,
};
use sessionwire::meaning::moment;

use crate::args::{self, Control, Global, Session as Id, Sessions};
use crate::client::{client, connect, options};
use crate::consent;
use crate::failure::Failure;
use crate::files::check_target;
use crate::new_session::snapshot_of;
use crate::output::Output;
use crate::render::{Renderer, one_line};
use crate::reply::{Reply, age_of, aligned, delete_each, deleted, done, named, show};
use crate::screenshot;
use crate::terminal::{note, word};

pub(crate) async fn run(command: Control, global: &Global, output: &Output) -> Result<(), Failure> {
    let client = match &command {
        Control::Sessions(Sessions::Reap { ledger, yes, .. }) => {
            // Before the ledger is opened, which creates it.
            consent::ask(
                yes,
                "This deletes the sessions that dead processes left, by their ledger.",
            )
            .await?;
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
        // A command of its own.
        Control::Sessions(Sessions::Create(_)) => return Ok(()),
        Control::Sessions(Sessions::List { status }) => {
            let found = match status.is_empty() {
                true => sessions.list().await?,
                false => sessions.list_by_status(status).await?,
            };
            let infos: Vec<_> = found.iter().map(Session::info).collect();
            Reply::of(&json!(infos), table(&infos, output.is_terminal()))
        }
        Control::Sessions(Sessions::Get(Id { id })) => {
            let session = sessions.get(&id).await?;
            Reply::of(&json!(session.info()), fields(session.info()))
        }
        Control::Sessions(Sessions::Delete { ids, snapshot }) => {
            let snapshot = snapshot_of(&snapshot)?;
            let delete = |id: String| {
                let (sessions, snapshot) = (sessions.clone(), snapshot.clone());
                async move { sessions.delete(&id, snapshot).await }
            };
            return delete_each(&ids, delete, global, output).await;
        }
        Control::Sessions(Sessions::DeleteAll(yes)) => {
            let count = match yes.yes {
                true => String::new(),
                false => format!(" {}", sessions.list().await?.len()),
            };
            consent::ask(
                &yes,
                &format!("This deletes ALL{count} sessions of this key and cancels their tasks."),
            )
            .await?;
            deleted(&sessions.delete_all().await?)
        }
        Control::Send {
            session,
            text,
            start_url,
        } => {
            let mut message = SendMessage::new(text.given);
            message.start_url = start_url;
            done(&sessions.attach(&session.id)?.send_message(message).await?)
        }
        Control::Answer { session, text } => {
            done(&sessions.attach(&session.id)?.answer(text.given).await?)
        }
        Control::Wait {
            session,
            timeout,
            poll_interval,
        } => {
            let mut options = WaitOptions::new();
            options.timeout = timeout.map(args::duration);
            options.poll_interval = args::duration(poll_interval);
            let status = sessions.attach(&session.id)?.wait(options).await?;
            let reply = Reply::of(&json!(status), [one_line(&status.status)]);
            show(&reply, global, output).await?;
            return waited(&session.id, &status.status);
        }
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

/// What a status says that a command waited for.
fn waited(session_id: &str, status: &str) -> Result<(), Failure> {
    let id = word(session_id);
    match status {
        "error" => Err(Failure::Waited {
            kind: ErrorKind::Task,
            text: format!("The task failed. `sessionwire messages {id}` says why."),
        }),
        "waiting_for_input" => Err(Failure::Waited {
            kind: ErrorKind::QuestionPending,
            text: format!(
                "The agent asks something. `sessionwire messages {id}` shows it; answer it with `sessionwire answer {id} TEXT`."
            ),
        }),
        _ => Ok(()),
    }
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
    let file = match file {
        Some(file) => {
            screenshot::save(&screenshot, &file)?;
            file
        }
        None => screenshot.save_as_new(Path::new(""), "screenshot")?,
    };
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

/// What became of a session that was left behind, on one line.
pub(crate) fn reaped(report: &ReapReport) -> String {
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

pub(crate) fn fields(session: &SessionInfo) -> Vec<String> {
    let known = [
        ("session_id", Some(session.session_id.as_str())),
        ("status", Some(session.status.as_str())),
        ("agent_name", Some(session.agent_name.as_str())),
        ("created_at", session.created_at.as_deref()),
        ("vnc_url", session.vnc_url.as_deref()),
    ];
    named(known, &session.extra)
}

/// A line for each session; a person also gets the names of the columns, and the age.
fn table(sessions: &[&SessionInfo], for_a_person: bool) -> Vec<String> {
    let rows = sessions.iter().map(|session| {
        [
            &session.session_id,
            &session.status,
            &session.agent_name,
            session.created_at.as_deref().unwrap_or_default(),
        ]
        .map(one_line)
    });
    if !for_a_person || sessions.is_empty() {
        return aligned(rows);
    }
    let names = ["SESSION", "STATUS", "AGENT", "CREATED", "AGE"].map(str::to_owned);
    let rows = rows.map(|[id, status, agent, created]| {
        let age = moment(&created).map(|at| age_of(at.milliseconds()));
        [id, status, agent, created, age.unwrap_or_default()]
    });
    aligned(std::iter::once(names).chain(rows))
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
