//! The connection to a Chromium: JSON messages over a pair of pipes, each ended by a zero byte.
//!
//! Pipes, not a socket: no other program of this machine can drive the browser, and Chromium ends by itself when the
//! other end goes away, however that happens.

use super::tab::Tab;
use crate::sync::lock;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

/// How long a command may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a command has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The browser ended, or hangs.
    Gone(String),
    /// It answered with an error.
    Refused(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone(reason) | Self::Refused(reason) => f.write_str(reason),
        }
    }
}

/// A connection. Dropping it closes the pipe to the browser.
#[derive(Debug)]
pub(super) struct DevTools {
    outbox: mpsc::UnboundedSender<Vec<u8>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    ids: AtomicU64,
    /// Who waits for which answer; `None` once the browser is gone.
    waiting: Mutex<Option<HashMap<u64, Waiting>>>,
    tab: Arc<Tab>,
}

type Waiting = oneshot::Sender<Result<Value, Failure>>;

impl DevTools {
    pub(super) fn new(
        to: impl AsyncWrite + Unpin + Send + 'static,
        from: impl AsyncRead + Unpin + Send + 'static,
    ) -> Self {
        let (outbox, messages) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Some(HashMap::new())),
            ..Shared::default()
        });
        tokio::spawn(write(to, messages));
        // The reader must not keep the pipe to the browser open: its answers to dialogs need a sender that may be gone.
        tokio::spawn(read(from, shared.clone(), outbox.downgrade()));
        Self { outbox, shared }
    }

    /// What is known of the tab.
    pub(super) fn tab(&self) -> &Tab {
        &self.shared.tab
    }

    /// A command to the browser, or to the tab behind `session`.
    pub(super) async fn call(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<Value, Failure> {
        let late = tokio::time::timeout(TIMEOUT, self.send(session, method, parameters));
        late.await.unwrap_or_else(|_| {
            let seconds = TIMEOUT.as_secs();
            Err(Failure::Gone(format!(
                "Chromium did not answer {method} within {seconds} s"
            )))
        })
    }

    /// A command that may take its time.
    pub(super) async fn send(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<Value, Failure> {
        let id = self.shared.ids.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, answer) = oneshot::channel();
        lock(&self.shared.waiting)
            .as_mut()
            .ok_or_else(gone)?
            .insert(id, sender);
        let command = command(id, session, method, parameters);
        self.outbox.send(command).map_err(|_| gone())?;
        // An answer that nobody waits for any more is dropped when it comes.
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> Failure {
    Failure::Gone("Chromium ended unexpectedly".to_owned())
}

fn command(id: u64, session: Option<&str>, method: &str, parameters: Value) -> Vec<u8> {
    let mut message = json!({ "id": id, "method": method, "params": parameters });
    if let Some(session) = session {
        message["sessionId"] = session.into();
    }
    let mut bytes = message.to_string().into_bytes();
    bytes.push(0);
    bytes
}

async fn write(mut to: impl AsyncWrite + Unpin, mut messages: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(message) = messages.recv().await {
        if to.write_all(&message).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}

async fn read(
    mut from: impl AsyncRead + Unpin,
    shared: Arc<Shared>,
    outbox: mpsc::WeakUnboundedSender<Vec<u8>>,
) {
    let mut bytes = Vec::with_capacity(64 * 1024);
    let mut looked = 0;
    while matches!(from.read_buf(&mut bytes).await, Ok(1..)) {
        let mut start = 0;
        while let Some(end) = bytes[looked..].iter().position(|&byte| byte == 0) {
            let end = looked + end;
            shared.take(&bytes[start..end], &outbox);
            (start, looked) = (end + 1, end + 1);
        }
        bytes.drain(..start);
        looked = bytes.len();
    }
    // Dropping the senders tells those who wait.
    lock(&shared.waiting).take();
    shared.tab.end();
}

impl Shared {
    fn take(&self, message: &[u8], outbox: &mpsc::WeakUnboundedSender<Vec<u8>>) {
        let mut message: Value = match serde_json::from_slice(message) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(%error, "Chromium sent something that is no JSON");
                return;
            }
        };
        if let Some(id) = message["id"].as_u64() {
            let waiting = lock(&self.waiting).as_mut().and_then(|all| all.remove(&id));
            let answer = match message.get("error") {
                Some(error) => Err(Failure::Refused(
                    error["message"].as_str().unwrap_or("an error").to_owned(),
                )),
                None => Ok(message["result"].take()),
            };
            // Nobody waits for it any more, or ever did.
            if let Some(waiting) = waiting {
                drop(waiting.send(answer));
            }
            return;
        }
        let method = message["method"].as_str().unwrap_or_default();
        if method == "Page.javascriptDialogOpening" {
            // A dialog holds the page up until somebody answers it, and nobody is there.
            let stays = message["params"]["type"] == "beforeunload";
            let accept = json!({ "accept": stays });
            let session = message["sessionId"].as_str();
            let id = self.ids.fetch_add(1, Ordering::Relaxed) + 1;
            let command = command(id, session, "Page.handleJavaScriptDialog", accept);
            if let Some(outbox) = outbox.upgrade() {
                drop(outbox.send(command));
            }
            return;
        }
        self.tab.heed(method, &message["params"]);
        if self.tab.is_broken() {
            // What was asked of the page will not be answered.
            if let Some(waiting) = lock(&self.waiting).as_mut() {
                waiting.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_reach_their_callers_whatever_the_cuts_and_the_order() {
        let (near, far) = tokio::io::duplex(1 << 16);
        let (near_read, near_write) = tokio::io::split(near);
        let (mut far_read, mut far_write) = tokio::io::split(far);
        let devtools = DevTools::new(near_write, near_read);
        let browser = async {
            let mut asked = Vec::new();
            while asked.iter().filter(|byte| **byte == 0).count() < 3 {
                far_read.read_buf(&mut asked).await.unwrap();
            }
            let mut out = Vec::new();
            for message in asked.split(|byte| *byte == 0).rev() {
                if message.is_empty() {
                    continue;
                }
                let message: Value = serde_json::from_slice(message).unwrap();
                let answer = match message["method"].as_str().unwrap() {
                    "C" => json!({"id": message["id"], "error": {"message": "no"}}),
                    method => {
                        json!({"id": message["id"], "result": {"was": method, "for": message["sessionId"]}})
                    }
                };
                out.extend_from_slice(b"{\"method\":\"Some.event\",\"params\":{}}\0not json\0");
                out.extend_from_slice(answer.to_string().as_bytes());
                out.push(0);
            }
            for byte in out {
                far_write.write_all(&[byte]).await.unwrap();
            }
        };
        let (a, b, c, ()) = tokio::join!(
            devtools.call(None, "A", json!({})),
            devtools.call(Some("tab"), "B", json!({})),
            devtools.call(None, "C", json!({})),
            browser
        );
        assert_eq!(a, Ok(json!({"was": "A", "for": null})));
        assert_eq!(b, Ok(json!({"was": "B", "for": "tab"})));
        assert_eq!(c, Err(Failure::Refused("no".to_owned())));
        drop((far_read, far_write));
        let gone = devtools.call(None, "D", json!({})).await;
        assert!(matches!(gone, Err(Failure::Gone(_))), "{gone:?}");
    }
}
