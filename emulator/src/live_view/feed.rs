//! What a page is told while it is open: server-sent events, each the news since the last one.
//!
//! A page that cannot keep up is not told everything: it gets the newest entries and the number of those left out.

use super::dashboard;
use super::visitor::{Place, Visitor};
use crate::agi::{Entry, Session, SessionView, new_reader};
use crate::clock::Timestamp;
use crate::raccoon;
use crate::state::Server;
use crate::sync::lock;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::Frame;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// The least time between two pieces of news.
const PACE: Duration = Duration::from_millis(60);
/// How often the picture of a real browser is looked at.
const REPAINT: Duration = Duration::from_secs(1);
/// How often the index looks for changes.
const LOOK: Duration = Duration::from_millis(250);
/// More sessions than this make the index longer than anybody reads; it shows the newest.
const LISTED: usize = 200;
/// As much of a task as the index shows.
const TASK: usize = 200;

pub(super) async fn feed(State(server): State<Arc<Server>>, visitor: Visitor) -> Response {
    // One piece waits for the socket, so a slow page is told less often.
    let (sender, receiver) = mpsc::channel(1);
    let to = sender.clone();
    match visitor.place {
        Place::Index => {
            let all = server.clone();
            server
                .workers
                .spawn(while_open(sender, async move { index(&all, &to).await }));
        }
        Place::Session { session, .. } => {
            server
                .workers
                .spawn(while_open(sender, one(Watcher::new(session), to)));
        }
    }
    let headers = [(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")];
    (headers, Body::new(Frames(receiver))).into_response()
}

/// Ends `work` when the page is closed.
async fn while_open(sender: mpsc::Sender<Bytes>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = sender.closed() => {}
        () = work => {}
    }
}

/// Tells about one session until it is deleted.
async fn one(mut watcher: Watcher, to: mpsc::Sender<Bytes>) {
    loop {
        let view = watcher.next().await;
        if to.send(session_news(&view)).await.is_err() || view.status.is_none() {
            return;
        }
        tokio::time::sleep(PACE).await;
    }
}

/// A session and how much of it a page knows.
struct Watcher {
    session: Arc<Session>,
    reader: u64,
    version: Option<u64>,
    cursor: usize,
}

impl Watcher {
    fn new(session: Arc<Session>) -> Self {
        Self {
            session,
            reader: new_reader(),
            version: None,
            cursor: 0,
        }
    }

    /// The next news; while there are none, looks what a Chromium shows.
    async fn next(&mut self) -> SessionView {
        let looking = repaint(self.session.clone());
        tokio::select! {
            biased;
            view = poll_fn(|cx| self.poll(cx)) => view,
            never = looking => match never {},
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<SessionView> {
        match self
            .session
            .view_since(self.reader, self.version, self.cursor, cx)
        {
            Some(view) => {
                self.version = Some(view.version);
                self.cursor = view.next;
                Poll::Ready(view)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.session.forget(self.reader);
    }
}

/// Looks again and again what the session's Chromium shows.
async fn repaint(session: Arc<Session>) -> Infallible {
    loop {
        tokio::time::sleep(REPAINT).await;
        if session.browser.runs() {
            session.look_at_browser().await;
        }
    }
}

fn session_news(view: &SessionView) -> Bytes {
    let mut out = b"data: {\"session\":".to_vec();
    let session = json!({
        "session_id": view.session_id,
        "agent_name": view.agent_name,
        "created_at": view.created_at.to_string(),
        "status": view.status.map_or_else(|| json!("terminated"), |status| json!(status)),
        "execution": view.execution,
        "task": view.task,
        "url": view.url,
        "title": view.title,
        "browser": view.browser,
        "picture": view.picture,
        "skipped": view.skipped,
    });
    out.extend_from_slice(session.to_string().as_bytes());
    out.extend_from_slice(b",\"question\":");
    out.extend_from_slice(view.question.as_deref().unwrap_or(b"null"));
    out.extend_from_slice(b",\"entries\":[");
    for (place, entry) in view.entries.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_entry(&mut out, entry);
    }
    out.extend_from_slice(b"]}\n\n");
    out.into()
}

/// An entry of the log as the page's script reads it.
fn write_entry(out: &mut Vec<u8>, entry: &Entry) {
    let head =
        json!({ "id": entry.id, "kind": entry.kind.event_name(), "at": entry.at.to_string() });
    let head = head.to_string();
    out.extend_from_slice(head.trim_end_matches('}').as_bytes());
    out.extend_from_slice(b",\"content\":");
    out.extend_from_slice(entry.content());
    out.extend_from_slice(b",\"data\":");
    out.extend_from_slice(entry.data().unwrap_or(b"null"));
    out.push(b'}');
}

/// Tells about all sessions whenever something changed.
async fn index(server: &Server, to: &mpsc::Sender<Bytes>) {
    let mut told = String::new();
    loop {
        let news = index_news(server);
        if news != told {
            let frame = format!("data: {news}\n\n");
            if to.send(frame.into()).await.is_err() {
                return;
            }
            told = news;
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn index_news(server: &Server) -> String {
    let sessions: Vec<_> = lock(&server.agi)
        .iter()
        .flat_map(|(key, account)| account.list().into_iter().map(|it| (key.clone(), it)))
        .collect();
    let glances: Vec<_> = lock(&server.raccoon)
        .iter()
        .flat_map(|(key, account)| account.sessions().map(|it| (key.clone(), it.glance())))
        .collect();
    let world = |key: &str| dashboard::name(&server.worlds.of_key(key));
    let of_agi = sessions.into_iter().map(|(key, session)| {
        let object = session.object();
        (
            session.created_at(),
            json!({
                "session_id": object.session_id,
                "world": world(&key),
                "agent_name": object.agent_name,
                "status": object.status,
                "execution": session.execution(false),
                "created_at": object.created_at.to_string(),
                "task": session.task_text().chars().take(TASK).collect::<String>(),
                "latest": session.latest().map(|entry| latest(&entry)),
                "place": session.place(),
                "path": object.vnc_url.as_deref().and_then(path),
            }),
        )
    });
    let of_raccoon = glances
        .into_iter()
        .map(|(key, glance)| turns(glance, world(&key)));
    let mut rows: Vec<_> = of_agi.chain(of_raccoon).collect();
    rows.sort_by_key(|(created_at, _)| std::cmp::Reverse(*created_at));
    let total = rows.len();
    let rows: Vec<_> = rows.into_iter().take(LISTED).map(|(_, row)| row).collect();
    json!({ "total": total, "sessions": rows, "worlds": dashboard::worlds(server) }).to_string()
}

/// A session of Raccoon, which has no page.
fn turns(glance: raccoon::Glance, world: String) -> (Timestamp, Value) {
    let frame = glance.latest.as_deref().map(serde_json::from_str::<Value>);
    let latest = frame.and_then(Result::ok).and_then(|frame| {
        let said = ["thought", "text", "message", "reason", "tool_name"];
        let said = said
            .iter()
            .find_map(|name| frame["payload"][*name].as_str());
        let line = format!("{}: {}", frame["kind"].as_str()?, said.unwrap_or_default());
        Some(
            line.trim_end_matches([':', ' '])
                .chars()
                .take(TASK)
                .collect::<String>(),
        )
    });
    let agent = match glance.turns {
        1 => "Raccoon, 1 turn".to_owned(),
        turns => format!("Raccoon, {turns} turns"),
    };
    let row = json!({
        "session_id": glance.session_id,
        "world": world,
        "agent_name": agent,
        "status": glance.status,
        "execution": null,
        "created_at": glance.created_at.to_string(),
        "task": glance.prompt.chars().take(TASK).collect::<String>(),
        "latest": latest,
        "place": glance.place,
        "path": null,
    });
    (glance.created_at, row)
}

/// What a session does, in a line.
fn latest(entry: &Entry) -> String {
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let data = entry.data().map(read).unwrap_or_default();
    let said = ["text", "error"]
        .iter()
        .find_map(|name| data[*name].as_str());
    let text = match said {
        Some(text) => text.to_owned(),
        None => read(entry.content())
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    };
    let line = format!("{}: {text}", entry.kind.event_name());
    line.chars().take(TASK).collect()
}

/// The path of an address of ours: the index may have been opened under another name of this machine.
fn path(url: &str) -> Option<&str> {
    url.find("/live/").and_then(|at| url.get(at..))
}

/// A body that is written as it comes.
struct Frames(mpsc::Receiver<Bytes>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(cx)
            .map(|frame| frame.map(|frame| Ok(Frame::data(frame))))
    }
}
