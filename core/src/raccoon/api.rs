//! Every request of the Raccoon API.

use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value, json};

use super::config::RaccoonConfig;
use super::models::{
    DeleteResult, History, ListSessions, PageInfo, RawRequest, RawResponse, SessionInfo,
    SessionPage, StartTurn, SuccessResult, TurnFile, Upload, UploadedFile,
};
use super::turn_limiter::{Permit, TurnLimiter};
use super::wire_names::WireNames;
use super::{media, validate};
use crate::background::{Background, Ended};
use crate::error::{Error, ErrorKind, Result};
use crate::meaning;
use crate::responses::readable;
use crate::transport::{Closing, Request, Response, Transport, UploadProgress, UploadSource};
use crate::ws::{KeepAlive, Socket};

/// What the handles of a client share: its configuration and connections.
#[derive(Clone)]
pub(crate) struct Api {
    config: Arc<RaccoonConfig>,
    rest: Transport,
    sockets: Transport,
    limiter: Arc<TurnLimiter>,
    background: Background,
}

impl Api {
    pub(super) fn new(config: RaccoonConfig) -> Self {
        let rest = Transport::new(config.rest.clone());
        Self {
            background: Background::new(rest.closing().clone(), rest.config().api_key.clone()),
            sockets: rest.for_upgrades(config.sockets.clone()),
            rest,
            config: Arc::new(config),
            limiter: Arc::default(),
        }
    }

    pub(super) fn config(&self) -> &RaccoonConfig {
        &self.config
    }

    /// A copy with another configuration that shares everything else.
    pub(super) fn with_config(&self, config: RaccoonConfig) -> Self {
        Self {
            rest: self.rest.with_config(config.rest.clone()),
            sockets: self.sockets.with_config(config.sockets.clone()),
            config: Arc::new(config),
            limiter: self.limiter.clone(),
            background: self.background.clone(),
        }
    }

    /// How many turns may run at once, as the service said last.
    pub(super) fn max_concurrent(&self) -> Option<u32> {
        self.rest
            .max_concurrent()
            .or_else(|| self.sockets.max_concurrent())
    }

    pub(crate) async fn raw(&self, request: RawRequest) -> Result<RawResponse> {
        self.rest.raw(request).await
    }

    /// Ends every request and wait, and closes the connections.
    pub(super) fn close(&self) {
        self.rest.close();
        self.sockets.close();
    }

    /// Requests end at a close by themselves; other waits ask this.
    pub(super) fn closing(&self) -> &Closing {
        self.rest.closing()
    }

    /// What goes on although nobody waits for it.
    pub(super) fn background(&self) -> &Background {
        &self.background
    }

    pub(crate) async fn list(&self, list: &ListSessions) -> Result<SessionPage> {
        validate::list_sessions(list)?;
        let wire = &self.config.wire;
        let page = list.page.map(|page| page.to_string());
        let limit = list.limit.map(|limit| limit.to_string());
        let mut request = self.api(Method::GET, &["sessions"]);
        for (name, value) in [
            (&wire.page, &page),
            (&wire.limit, &limit),
            (&wire.search, &list.search),
            (&wire.sort_by, &list.sort_by),
            (&wire.sort_order, &list.sort_order),
        ] {
            if let Some(value) = value {
                request = request.query(name, value);
            }
        }
        let answer = self.rest.send(&request).await?;
        page_of(answer.json()?, wire).map_err(|why| answer.useless(&why))
    }

    pub(super) async fn get(&self, session_id: &str) -> Result<History> {
        let request = self.of_session(Method::GET, session_id, &[])?;
        self.rest.send(&request).await?.json_text()
    }

    pub(super) async fn rename(&self, session_id: &str, title: &str) -> Result<SuccessResult> {
        let title = validate::title(title)?;
        let request = self
            .of_session(Method::PUT, session_id, &["title"])?
            .status_is_enough()
            .json(&json!({ &self.config.wire.title: title }))?;
        Ok(self.rest.send(&request).await?.success())
    }

    pub(super) async fn delete(&self, session_id: &str) -> Result<DeleteResult> {
        let request = self
            .of_session(Method::DELETE, session_id, &[])?
            .status_is_enough();
        deleted(self.rest.send(&request).await)
    }

    /// Deletes a session at the end of its use: also where the client is closed,
    /// and to the end where the caller leaves. Begins at once.
    pub(crate) fn end_session(
        &self,
        session_id: &str,
    ) -> Result<impl Future<Output = Ended> + Send + 'static + use<>> {
        let request = self
            .of_session(Method::DELETE, session_id, &[])?
            .status_is_enough();
        let api = self.clone();
        let delete = async move { deleted(api.rest.outliving_close().send(&request).await) };
        Ok(self.background.end_session(session_id, delete))
    }

    pub(super) async fn send_file(
        &self,
        upload: &Upload,
        source: UploadSource,
        progress: UploadProgress,
    ) -> Result<UploadedFile> {
        let (body, sent) = media::form(upload, source, progress)?;
        let request = self.api(Method::PUT, &["media", "upload"]).multipart(body);
        let answer = self.rest.send(&request).await?;
        let file = answer.json().and_then(|fields| {
            UploadedFile::read(fields)
                .ok_or_else(|| answer.useless("it names no file: it has no `key`"))
        });
        let mut file = file.map_err(|error| {
            error.with_maybe_delivered(
                "The file was uploaded all the same, as far as anybody knows: look at the session before you repeat it.",
            )
        })?;
        if file.name.is_empty() {
            file.name = sent.name;
        }
        if file.content_type.is_empty() {
            file.content_type = sent.content_type;
        }
        Ok(file)
    }

    /// Waits for the permit of a turn, if the client is to respect the service's
    /// limit.
    pub(super) async fn permit(&self) -> Result<Option<Permit>> {
        if !self.config.respect_max_concurrent {
            return Ok(None);
        }
        let rest = self.rest.config();
        let wait = rest.wait_for_limit().unwrap_or(rest.timeout());
        let permit = async { Ok(self.limiter.acquire(|| self.max_concurrent()).await) };
        let permit = self.closing().until_closed(permit);
        let permit = tokio::time::timeout(wait, permit).await.map_err(|_| {
            Error::new(
                ErrorKind::Timeout,
                format!(
                    "The turn was not started: no place became free within {} s. This client runs as many turns as \
                     the service allows at once ({}). Wait longer with `wait_for_limit`, or stop a turn",
                    wait.as_secs_f64(),
                    self.limiter.taken(),
                ),
            )
        })??;
        Ok(Some(permit))
    }

    /// Sends the request that starts a turn. It is repeated only if it was not
    /// sent, or refused with 429 (docs/spec/raccoon.md, section 6).
    pub(super) async fn submit(
        &self,
        session_id: &str,
        start: &StartTurn,
        files: &[UploadedFile],
    ) -> Result<Started> {
        let wire = &self.config.wire;
        let mut body = Map::new();
        body.insert("session_id".to_owned(), session_id.into());
        for name in &wire.prompt {
            body.insert(name.clone(), start.prompt.as_str().into());
        }
        body.insert("mode".to_owned(), start.mode.as_str().into());
        if !files.is_empty() {
            body.insert("files".to_owned(), media::references(files, wire));
        }
        for (name, value) in [
            (
                &wire.sdk_version,
                start.sdk_version.clone().map(Value::String),
            ),
            (
                &wire.base_prompt,
                start.base_prompt.clone().map(Value::String),
            ),
            (&wire.references, start.references.clone().map(Value::Array)),
            (&wire.history, start.history.clone().map(Value::Array)),
            (
                &wire.continuation,
                start.continuation.clone().map(Value::String),
            ),
        ] {
            if let Some(value) = value {
                body.insert(name.clone(), value);
            }
        }
        body.extend(start.extra.clone());
        let request = self.api(Method::POST, &["sessions", "new"]).json(&body)?;
        let answer = self.rest.send(&request).await;
        self.limiter.answered();
        let answer = answer?;
        let started = answer
            .json()
            .and_then(|fields| Started::read(&fields, wire).map_err(|why| answer.useless(&why)));
        started.map_err(|error| {
            error.with_maybe_delivered(
                "The turn may run all the same: look at the session's history before you start it again.",
            )
        })
    }

    /// Uploads those of a turn's files that are on this machine.
    pub(super) async fn upload_files(
        &self,
        session_id: &str,
        files: &[TurnFile],
    ) -> Result<Vec<UploadedFile>> {
        let mut uploaded = Vec::with_capacity(files.len());
        for file in files {
            uploaded.push(match file {
                TurnFile::Uploaded(file) => file.clone(),
                TurnFile::Path(path) => {
                    let upload = Upload {
                        session_id: session_id.to_owned(),
                        ..Upload::default()
                    };
                    let source = UploadSource::path(path);
                    self.send_file(&upload, source, UploadProgress::new())
                        .await?
                }
            });
        }
        Ok(uploaded)
    }

    /// Opens the socket of a turn. Its URL holds the key: it is shown nowhere.
    pub(super) async fn open_socket(
        &self,
        session_id: &str,
        message_id: &str,
        after: Option<&str>,
        keep_alive: KeepAlive,
    ) -> Result<Socket> {
        let config = self.sockets.config();
        let mut query = vec![
            ("token", config.api_key.expose().trim()),
            ("message_id", message_id),
        ];
        query.extend(after.map(|entry| ("last_stream_entry_id", entry)));
        let request = Request::new(config, Method::GET, &["ws", "sessions", session_id])
            .secret_query(&query)
            .without_authorization();
        Socket::open(&self.sockets, request, keep_alive).await
    }

    /// An error that shows the key nowhere.
    pub(super) fn without_key(&self, error: Error) -> Error {
        error.redacted(&self.sockets.config().api_key)
    }

    fn api(&self, method: Method, segments: &[&str]) -> Request {
        Request::new(self.rest.config(), method, segments)
    }

    /// A request below `/sessions/{session_id}`.
    fn of_session(&self, method: Method, session_id: &str, rest: &[&str]) -> Result<Request> {
        validate::session_id(session_id)?;
        Ok(Request::of_session(
            self.rest.config(),
            method,
            session_id,
            rest,
        ))
    }
}

fn deleted(answer: Result<Response>) -> Result<DeleteResult> {
    DeleteResult::or_gone(answer.map(|answer| {
        let SuccessResult { success, message } = answer.success();
        DeleteResult {
            success,
            deleted: success,
            message,
        }
    }))
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("base_url", &self.config().base_url())
            .finish_non_exhaustive()
    }
}

/// The response to the start of a turn (docs/spec/raccoon.md, section 4.1).
#[derive(Debug, Clone, Default)]
pub(super) struct Started {
    pub(super) agent_message_id: String,
    pub(super) user_message_id: Option<String>,
    pub(super) workflow_id: Option<String>,
    pub(super) status: Option<String>,
    pub(super) queue_position: Option<u64>,
}

impl Started {
    fn read(answer: &Map<String, Value>, wire: &WireNames) -> Result<Self, String> {
        let text = |name: &String| match answer.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let Some(agent_message_id) = wire.agent_message_id.iter().find_map(text) else {
            let names = wire.agent_message_id.join("` or `");
            return Err(format!("it names no agent message: it has no `{names}`"));
        };
        Ok(Self {
            agent_message_id,
            user_message_id: text(&wire.user_message_id),
            workflow_id: text(&wire.workflow_id),
            status: text(&wire.turn_status),
            queue_position: answer
                .get(&wire.queue_position)
                .and_then(meaning::whole_number)
                .and_then(|position| position.try_into().ok()),
        })
    }
}

/// Reads a list in one of the forms that it may have: bare, or in a field
/// (docs/spec/raccoon.md, section 4.2).
fn page_of(answer: Value, wire: &WireNames) -> Result<SessionPage, String> {
    let (sessions, meta) = match answer {
        Value::Object(mut fields) => {
            let meta = fields.remove(&wire.meta).unwrap_or_default();
            let sessions = wire.sessions.iter().find_map(|name| fields.remove(name));
            (sessions.unwrap_or_default(), meta)
        }
        bare => (bare, Value::Null),
    };
    let Value::Array(sessions) = sessions else {
        return Err(format!(
            "it holds no list of sessions, which should be in the field `{}`",
            wire.sessions.join("` or `")
        ));
    };
    let sessions: Vec<SessionInfo> = readable(sessions);
    let number = |name: &String| {
        let number = meta.get(name).and_then(meaning::whole_number)?;
        number.try_into().ok()
    };
    let page = meta.is_object().then(|| PageInfo {
        total_count: number(&wire.total_count),
        total_pages: number(&wire.total_pages),
        current_page: number(&wire.current_page),
    });
    let more = page.as_ref().is_some_and(|page| {
        // Without these two numbers nothing says that there is more.
        matches!((page.current_page, page.total_pages), (Some(current), Some(total)) if current < total)
    });
    Ok(SessionPage {
        last: sessions.is_empty() || !more,
        sessions,
        page,
    })
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_each_of_its_forms() {
        let session = json!({"sessionId": "s"});
        let meta = |current, total| json!({"current_page": current, "total_pages": total});
        for (answer, count, last) in [
            (json!([session]), 1, true),
            (json!({"sessions": [session]}), 1, true),
            (json!({"chats": [session], "meta": meta(1, 2)}), 1, false),
            (json!({"data": [session], "meta": meta(2, 2)}), 1, true),
            (json!({"sessions": [session], "meta": meta(3, 2)}), 1, true),
            (json!({"sessions": [], "meta": meta(1, 2)}), 0, true),
            (json!({"sessions": [session], "meta": null}), 1, true),
            (
                json!({"sessions": [session], "meta": {"total_count": 7}}),
                1,
                true,
            ),
        ] {
            let page = page_of(answer.clone(), &WireNames::default()).expect("a list");
            assert_eq!((page.sessions.len(), page.last), (count, last), "{answer}");
        }
        let own = WireNames::new()
            .sessions(["items"])
            .meta("paging")
            .current_page("at")
            .total_pages("of");
        let answer = json!({"items": [session], "paging": {"at": 1, "of": 2}});
        let page = page_of(answer, &own).expect("a list");
        assert_eq!((page.sessions.len(), page.last), (1, false));
        for (answer, wire) in [
            (json!({"rows": [session]}), &WireNames::default()),
            (json!({"sessions": [session]}), &own),
            (json!("sessions"), &own),
        ] {
            let error = page_of(answer, wire).expect_err("no list");
            assert!(error.contains(&wire.sessions[0]), "{error}");
        }
    }
}
