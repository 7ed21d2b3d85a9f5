//! The requests of the Raccoon API, one command each.

use std::path::Path;

use serde_json::json;
use sessionwire::meaning::iso_text;
use sessionwire::raccoon::{
    Attach, Client, EventOptions, History, ListSessions, Message, Role, SessionInfo, TurnMessage,
    TurnStatus, UploadProgress, UploadSource, UploadedFile,
};
use sessionwire::{Error, ErrorKind};

use crate::args::{
    self, Files, Global, RaccoonControl as Control, RaccoonSessions as Sessions, Session as Id,
    TurnOf, WatchSession,
};
use crate::client::raccoon;
use crate::failure::Failure;
use crate::output::Output;
use crate::render::{Renderer, one_line};
use crate::reply::{Reply, age_of, aligned, delete_each, done, named, show};
use crate::terminal::word;

/// The most sessions that one page may have.
const PAGE: u64 = 100;

pub(crate) async fn run(command: Control, global: &Global, output: &Output) -> Result<(), Failure> {
    let client = raccoon(global)?;
    let sessions = client.sessions();
    let reply = match command {
        Control::Sessions(Sessions::List {
            search,
            sort_by,
            sort_order,
            first,
        }) => {
            let mut asked = ListSessions::new();
            asked.search = search;
            asked.sort_by = sort_by;
            asked.sort_order = sort_order;
            asked.limit = first.map(|first| first.min(PAGE));
            let found = list(&client, asked, first).await?;
            Reply::of(&json!(found), table(&found, output.is_terminal()))
        }
        Control::Sessions(Sessions::Get(Id { id })) => {
            let history = sessions.get(&id).await?;
            Reply::of(&json!(history), fields(&history.session))
        }
        Control::Sessions(Sessions::Rename { session, title }) => {
            done(&sessions.rename(&session.id, &title).await?)
        }
        Control::Sessions(Sessions::Delete { ids }) => {
            let delete = |id: String| {
                let client = client.clone();
                async move { client.sessions().delete(&id).await }
            };
            return delete_each(&ids, delete, global, output).await;
        }
        Control::Messages(Id { id }) => {
            let history = sessions.get(&id).await?;
            let messages = json!({ "messages": history.messages });
            Reply::of(&messages, aligned(history.messages.iter().map(message)))
        }
        Control::Events(args) => return events(&client, &args, global, output).await,
        Control::Send(args) => send(&client, args).await?,
        Control::Stop(args) => return stop(&client, args, global, output).await,
        Control::Upload(args) => {
            let file = upload(&client, args).await?;
            Reply::of(&json!(file), aligned([uploaded(&file)]))
        }
    };
    show(&reply, global, output).await
}

/// Shows the events of a session's turns, for as long as asked.
async fn events(
    client: &Client,
    args: &WatchSession,
    global: &Global,
    output: &Output,
) -> Result<(), Failure> {
    let mut options = EventOptions::new()
        .include_history(!args.no_history)
        .poll_interval(args::duration(args.poll_interval));
    options.timeout = args.timeout.map(args::duration);
    let renderer = Renderer::of_turn_events(output, global.json);
    let queue = client.events(&args.session.id, options)?;
    renderer.events(&queue).await
}

/// Those of all pages, up to so many.
async fn list(
    client: &Client,
    asked: ListSessions,
    first: Option<u64>,
) -> Result<Vec<SessionInfo>, Error> {
    let mut sessions = client.sessions().list(asked);
    let mut found = Vec::new();
    while first.is_none_or(|first| (found.len() as u64) < first)
        && let Some(session) = sessions.next().await
    {
        found.push(session?);
    }
    Ok(found)
}

/// A turn that a command is about.
pub(crate) struct Found {
    session_id: String,
    message_id: String,
    /// How it ended, if it did and the history says so.
    ended: Option<TurnStatus>,
}

impl Found {
    pub(crate) fn attach(&self) -> Attach {
        Attach::new(&self.session_id, &self.message_id)
    }

    /// Only a turn that runs.
    fn running(self, what: &str) -> Result<Self, Failure> {
        let Some(ended) = self.ended else {
            return Ok(self);
        };
        let Self {
            session_id,
            message_id,
            ..
        } = &self;
        let text = format!(
            "The turn {message_id} is over ({}): {what}. Start the next one with `sessionwire raccoon turn PROMPT \
             --session {session_id}`.",
            name(ended)
        );
        Err(Failure::Client(Error::new(ErrorKind::Conflict, text)))
    }
}

/// Looks the turn up in the session's history.
pub(crate) async fn find(client: &Client, of: &TurnOf) -> Result<Found, Failure> {
    let session_id = &of.session.id;
    let history = client.sessions().get(session_id).await?;
    let turn = match &of.message {
        Some(id) => history.messages.iter().find(|message| message.id == *id),
        None => history.last_turn(),
    };
    let message_id = match (turn, &of.message) {
        (Some(turn), _) => turn.id.clone(),
        // The part of the service that answered may not know it yet.
        (None, Some(id)) => id.clone(),
        (None, None) => return Err(no_turn(&history)),
    };
    Ok(Found {
        session_id: session_id.clone(),
        message_id,
        ended: turn.and_then(Message::ended),
    })
}

fn no_turn(history: &History) -> Failure {
    let session_id = &history.session.session_id;
    let text = format!(
        "The session {session_id} has no turn. Start one with `sessionwire raccoon turn PROMPT --session {session_id}`, \
         or name the turn's agent message with --message."
    );
    Failure::Client(Error::new(ErrorKind::NotFound, text))
}

async fn send(client: &Client, args: args::Send) -> Result<Reply, Failure> {
    let mut message = TurnMessage::new(&args.text);
    message.check()?;
    let found = find(client, &args.turn).await?;
    let found = found.running("it takes no message")?;
    message.files = files(client, &found.session_id, args.files).await?;
    let turn = client.attach(found.attach()).await?;
    // Nobody reads its events here.
    turn.close();
    Ok(done(&turn.send_message(message).await?))
}

async fn files(
    client: &Client,
    session_id: &str,
    files: Files,
) -> Result<Vec<UploadedFile>, Failure> {
    let session = client.continue_session(session_id)?;
    let mut all = files.uploaded;
    for file in files.file {
        all.push(session.upload(UploadSource::path(file)).await?);
    }
    Ok(all)
}

async fn stop(
    client: &Client,
    args: args::StopTurn,
    global: &Global,
    output: &Output,
) -> Result<(), Failure> {
    let found = find(client, &args.turn).await?;
    let found = found.running("there is nothing to stop")?;
    let turn = client.attach(found.attach()).await?;
    let stopped = turn.stop(args::duration(args.timeout)).await?;
    let reply = Reply::of(&json!(stopped), [name(stopped.status)]);
    show(&reply, global, output).await?;
    if stopped.confirmed {
        return Ok(());
    }
    let text = format!(
        "The service did not confirm within {} s that the turn stopped: it may go on. Follow it with `sessionwire \
         raccoon attach {} --message {}`, or try again with a longer --timeout.",
        args.timeout,
        found.session_id,
        word(&found.message_id)
    );
    Err(Failure::Client(Error::new(ErrorKind::TaskTimeout, text)))
}

async fn upload(client: &Client, args: args::Upload) -> Result<UploadedFile, Failure> {
    let source = if args.file == Path::new("-") {
        UploadSource::reader(tokio::io::stdin())
    } else {
        UploadSource::path(&args.file)
    };
    let mut upload = sessionwire::raccoon::Upload::new(&args.session.id);
    upload.key = args.key;
    upload.name = args.name;
    upload.content_type = args.content_type;
    Ok(client.upload(upload, source, UploadProgress::new()).await?)
}

fn uploaded(file: &UploadedFile) -> [String; 3] {
    [
        one_line(&file.key),
        format!("{} bytes", file.size),
        one_line(&file.content_type),
    ]
}

/// A line for each session; a person also gets the names of the columns, and the age.
fn table(sessions: &[SessionInfo], for_a_person: bool) -> Vec<String> {
    let rows = sessions.iter().map(row);
    if !for_a_person || sessions.is_empty() {
        return aligned(rows);
    }
    let names = ["SESSION", "CHANGED", "TITLE", "AGE"].map(str::to_owned);
    let rows = rows.zip(sessions).map(|([id, changed, title], session)| {
        let age = session.created_at.map(age_of).unwrap_or_default();
        [id, changed, title, age]
    });
    aligned(std::iter::once(names).chain(rows))
}

fn row(session: &SessionInfo) -> [String; 3] {
    [
        one_line(&session.session_id),
        session.updated_at.map(iso_text).unwrap_or_default(),
        one_line(&session.title),
    ]
}

fn fields(session: &SessionInfo) -> Vec<String> {
    let (created, updated) = (
        session.created_at.map(iso_text),
        session.updated_at.map(iso_text),
    );
    let files: Vec<&str> = session.files.keys().map(String::as_str).collect();
    let files = files.join(" ");
    let known = [
        ("session_id", Some(session.session_id.as_str())),
        ("title", Some(session.title.as_str())),
        ("created_at", created.as_deref()),
        ("updated_at", updated.as_deref()),
        (
            "files",
            Some(files.as_str()).filter(|files| !files.is_empty()),
        ),
    ];
    named(known, &session.extra)
}

/// Its id, who wrote it, how the turn is, and what it says.
fn message(message: &Message) -> [String; 4] {
    let (role, state) = match message.role {
        Role::User => ("user", message.mode.clone().unwrap_or_default()),
        _ => ("agent", message.ended().map_or("running".to_owned(), name)),
    };
    let text = one_line(&message.text());
    [
        one_line(&message.id),
        role.to_owned(),
        one_line(&state),
        text,
    ]
}

/// A status as the wire's words have it.
fn name(status: TurnStatus) -> String {
    let name = json!(status);
    name.as_str().unwrap_or_default().to_owned()
}
