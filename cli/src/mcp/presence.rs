//! Whether the client of an HTTP connection is still there: one that was killed in the middle of a
//! call says nothing, and its task would go on and cost.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::Stream;
use rmcp::transport::streamable_http_server::session::SessionManager as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use serde_json::Value;

use crate::terminal::note;

const CONNECTION: &str = "mcp-session-id";

/// What is open of each connection. One that has nothing open, and whose last call was cut off, has
/// some time to come back.
pub(super) struct Presence {
    connections: Arc<LocalSessionManager>,
    grace: Duration,
    standings: Mutex<HashMap<String, Standing>>,
}

#[derive(Default)]
struct Standing {
    /// Requests whose answers are not at their end: calls, and the stream of messages.
    open: usize,
    /// How many requests there were.
    came: u64,
    /// The answer of a call was cut off, and nothing came since.
    is_cut: bool,
}

impl Presence {
    pub(super) fn new(connections: Arc<LocalSessionManager>, grace: Duration) -> Arc<Self> {
        Arc::new(Self {
            connections,
            grace,
            standings: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Standing>> {
        self.standings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A request came.
    fn enter(self: &Arc<Self>, connection: String, is_call: bool) -> Open {
        let mut standings = self.lock();
        let standing = standings.entry(connection.clone()).or_default();
        standing.open += 1;
        standing.came += 1;
        standing.is_cut = false;
        Open {
            presence: self.clone(),
            connection,
            is_cut: is_call,
        }
    }

    /// A request is over, or was cut off.
    fn leave(self: &Arc<Self>, connection: &str, is_cut: bool) {
        let mut standings = self.lock();
        let Some(standing) = standings.get_mut(connection) else {
            return;
        };
        standing.open -= 1;
        standing.is_cut |= is_cut;
        match (standing.open, standing.is_cut) {
            (0, true) => self.wait_for(connection.to_owned(), standing.came),
            (0, false) => drop(standings.remove(connection)),
            _ => {}
        }
    }

    /// Whether nothing came since.
    fn give_up(&self, connection: &str, came: u64) -> bool {
        let mut standings = self.lock();
        let is_gone = standings
            .get(connection)
            .is_some_and(|standing| standing.came == came);
        if is_gone {
            standings.remove(connection);
        }
        is_gone
    }

    /// The client comes back, or its connection ends.
    fn wait_for(self: &Arc<Self>, connection: String, came: u64) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let presence = self.clone();
        runtime.spawn(async move {
            tokio::time::sleep(presence.grace).await;
            if !presence.give_up(&connection, came) {
                return;
            }
            note(&format!(
                "A client left in the middle of a call and did not come back within {} s: its tasks end.",
                presence.grace.as_secs_f64()
            ));
            // Its service ends with it, and takes its tasks along.
            let _ = presence.connections.close_session(&connection.into()).await;
        });
    }
}

/// Sees answers that nobody reads to their end.
pub(super) async fn watch(
    State(presence): State<Arc<Presence>>,
    request: Request,
    next: Next,
) -> Response {
    let open = connection(request.headers()).map(|connection| {
        let is_call = request.method() == Method::POST;
        presence.enter(connection, is_call)
    });
    let response = next.run(request).await;
    match open {
        Some(open) => response.map(|body| {
            Body::from_stream(Read {
                body: body.into_data_stream(),
                open,
            })
        }),
        None => response,
    }
}

fn connection(headers: &HeaderMap) -> Option<String> {
    headers.get(CONNECTION)?.to_str().ok().map(str::to_owned)
}

/// A request of a connection.
struct Open {
    presence: Arc<Presence>,
    connection: String,
    /// Whether a call would be cut off if it ended now.
    is_cut: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.presence.leave(&self.connection, self.is_cut);
    }
}

/// An answer as it is read.
struct Read {
    body: BodyDataStream,
    open: Open,
}

impl Stream for Read {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.body).poll_next(context);
        let is_over = match &next {
            Poll::Pending => false,
            // A client may leave as soon as it has that: it does not wait for the end.
            Poll::Ready(Some(Ok(event))) => is_response(event),
            Poll::Ready(None | Some(Err(_))) => true,
        };
        self.open.is_cut &= !is_over;
        next
    }
}

/// Whether an event of the stream is the response to the call, and not what is said or asked
/// before.
fn is_response(event: &[u8]) -> bool {
    let mut lines = event.split(|byte| *byte == b'\n');
    let data = lines.find_map(|line| line.strip_prefix(b"data:"));
    let message = data.and_then(|data| serde_json::from_slice::<Value>(data).ok());
    message.is_some_and(|message| message.get("result").is_some() || message.get("error").is_some())
}
