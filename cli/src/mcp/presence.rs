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

use crate::terminal::note;

const CONNECTION: &str = "mcp-session-id";

/// How many requests each connection has sent: one that sent another is there.
pub(super) struct Presence {
    connections: Arc<LocalSessionManager>,
    grace: Duration,
    requests: Mutex<HashMap<String, u64>>,
}

impl Presence {
    pub(super) fn new(connections: Arc<LocalSessionManager>, grace: Duration) -> Arc<Self> {
        Arc::new(Self {
            connections,
            grace,
            requests: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn came(&self, connection: &str) -> u64 {
        let mut requests = self.lock();
        let count = requests.entry(connection.to_owned()).or_default();
        *count += 1;
        *count
    }

    /// The answer of a call was cut off: the client comes back for it, or its connection ends.
    fn left(self: &Arc<Self>, connection: String) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let seen = self.lock().get(&connection).copied();
        let presence = self.clone();
        runtime.spawn(async move {
            tokio::time::sleep(presence.grace).await;
            let is_gone = {
                let mut requests = presence.lock();
                let is_gone = requests.get(&connection).copied() == seen;
                if is_gone {
                    requests.remove(&connection);
                }
                is_gone
            };
            if !is_gone {
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

/// Counts the requests of each connection, and sees answers that nobody reads to their end.
pub(super) async fn watch(
    State(presence): State<Arc<Presence>>,
    request: Request,
    next: Next,
) -> Response {
    let connection = connection(request.headers());
    let is_call = request.method() == Method::POST;
    let is_end = request.method() == Method::DELETE;
    if let Some(connection) = &connection {
        presence.came(connection);
    }
    let response = next.run(request).await;
    match connection {
        Some(connection) if is_end => {
            presence.lock().remove(&connection);
            response
        }
        Some(connection) if is_call => response.map(|body| {
            Body::from_stream(Read {
                body: body.into_data_stream(),
                unread: Some(Unread {
                    presence,
                    connection,
                }),
            })
        }),
        _ => response,
    }
}

fn connection(headers: &HeaderMap) -> Option<String> {
    headers.get(CONNECTION)?.to_str().ok().map(str::to_owned)
}

/// An answer that was not read to its end.
struct Unread {
    presence: Arc<Presence>,
    connection: String,
}

/// An answer as it is read.
struct Read {
    body: BodyDataStream,
    unread: Option<Unread>,
}

impl Stream for Read {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.body).poll_next(context);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            self.unread = None;
        }
        next
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        if let Some(Unread {
            presence,
            connection,
        }) = self.unread.take()
        {
            presence.left(connection);
        }
    }
}
