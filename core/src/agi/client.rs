//! The client: its configuration, and the way to its sessions.

use std::time::Duration;

use super::api::Api;
use super::models::{EventOptions, RawRequest, RawResponse, ResumeOptions, StartTask};
use super::recording::{self, Recording};
use super::session::Sessions;
use super::task::Task;
use super::{driver, handle};
use crate::background::Background;
use crate::config::{ClientConfig, ClientOptions, OptionChanges};
use crate::error::{Error, Result};
use crate::stream::EventQueue;
use crate::telemetry::Trace;

/// A client of the AGI Agent Sessions API. Clones share everything.
///
/// # Panics
/// Every async call, where no tokio runtime polls it.
#[derive(Clone)]
pub struct Client {
    pub(crate) api: Api,
}

impl Client {
    /// A client with this configuration. Sends nothing.
    ///
    /// # Errors
    /// `Config` where the ledger cannot be written.
    pub fn new(config: ClientConfig) -> Result<Self> {
        Ok(Self {
            api: Api::new(config)?,
        })
    }

    /// A client configured by `AGI_API_KEY` and `AGI_BASE_URL`.
    ///
    /// # Errors
    /// `Config` where the environment has no key, or holds a value of no use.
    pub fn from_env() -> Result<Self> {
        Self::new(ClientConfig::resolve(ClientOptions::default())?)
    }

    /// The configuration.
    pub fn config(&self) -> &ClientConfig {
        self.api.config()
    }

    /// A copy with other timeouts, retries or headers that shares the
    /// connection pool.
    ///
    /// # Errors
    /// `Config` for a value of no use.
    pub fn with_options(&self, changes: OptionChanges) -> Result<Self> {
        let config = self.config().changed(changes)?;
        Ok(Self {
            api: self.api.with_config(config),
        })
    }

    /// A trace for a span of a call of this client. `content` is what
    /// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says.
    #[doc(hidden)]
    pub fn trace(&self, content: Option<&str>) -> Trace {
        Trace::new(self.config(), content)
    }

    /// A copy whose requests, tasks and turns belong to this span.
    #[doc(hidden)]
    #[must_use]
    pub fn traced(&self, trace: &Trace) -> Self {
        Self {
            api: self.api.traced(trace),
        }
    }

    /// The sessions of this key.
    pub fn sessions(&self) -> Sessions {
        Sessions::new(self.api.clone())
    }

    /// The names of the agents that a session may have; `filter` is a CDP type
    /// or a text of the service's own (docs/spec/agi.md, section 14).
    ///
    /// # Errors
    /// What the service answers; no service needs to offer it.
    pub async fn models(&self, filter: Option<&str>) -> Result<Vec<String>> {
        self.api.list_models(filter).await
    }

    /// Sends any request below the base URL, with the same key, retries and
    /// errors as every call.
    ///
    /// # Errors
    /// `InvalidRequest` for a method or path that no request can have; else what
    /// the service answers.
    pub async fn request(&self, request: RawRequest) -> Result<RawResponse> {
        self.api.raw(request).await
    }

    /// Opens a session's event stream; it connects in the background and
    /// reports failures through the queue.
    ///
    /// # Errors
    /// `InvalidRequest` for options of no use; all else comes through the queue.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn events(&self, session_id: &str, options: EventOptions) -> Result<EventQueue> {
        driver::open(&self.api, session_id, options)
    }

    /// Starts a task and gives a handle on it alone.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub fn start_task(
        &self,
        session_id: &str,
        start: StartTask,
    ) -> impl Future<Output = Result<Task>> + Send + 'static {
        let api = self.api.clone();
        let session_id = session_id.to_owned();
        Box::pin(Task::start(api, session_id, start))
    }

    /// The task of a handle, also of one that another process or another language took. A
    /// task that was prepared is sent first, unless the session's history shows that it was.
    ///
    /// # Errors
    /// `InvalidRequest` for a text that is no handle of this version and service; those of
    /// [every call](crate#errors). `Conflict` where the session went on to something else
    /// since the task was prepared; `maybe_delivered` where nobody can know whether it was sent.
    pub fn resume(
        &self,
        handle: &str,
        options: ResumeOptions,
    ) -> impl Future<Output = Result<Task>> + Send + use<> {
        let api = self.api.clone();
        let handle = handle.to_owned();
        Box::pin(async move { handle::resume(&api, &handle, options).await })
    }

    /// Ends every stream, wait and call of this client and of its copies at
    /// once, and closes their connections. Can be called twice. What must not be
    /// left goes on in the background: see [`settle`](Self::settle).
    pub fn close(&self) {
        self.api.close();
    }

    /// Waits until nothing goes on in the background, for at most `limit`: a
    /// create that was sent when its caller left, the delete of a session that
    /// nobody took, one at the end of [`Session::scoped`](super::Session::scoped).
    /// Which sessions are left, or may be, and why; each is told once. For after
    /// [`close`](Self::close), while the runtime still runs.
    pub async fn settle(&self, limit: Duration) -> Vec<Error> {
        self.api.background().settle(limit).await
    }

    /// What goes on in the background, for language bindings.
    #[doc(hidden)]
    pub fn background(&self) -> &Background {
        self.api.background()
    }

    /// Deletes every session that this client or a copy of it created and did
    /// not delete, all at once, also after [`close`](Self::close). For the end
    /// of a program; after `limit` it gives up. Which sessions are left, and
    /// why.
    ///
    /// A library installs no signal handlers: await
    /// `tokio::signal::ctrl_c()`, for example, and call this then.
    pub async fn delete_created_sessions(&self, limit: Duration) -> Vec<(String, Error)> {
        self.api.delete_created_sessions(limit).await
    }

    /// Records a session, history included, until its task ends or `stop` is
    /// ready. A session that is deleted in the meantime is recorded as far as
    /// it was seen.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub async fn record(
        &self,
        session_id: &str,
        stop: impl Future<Output = ()>,
    ) -> Result<Recording> {
        recording::record(&self.api, session_id, stop).await
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.config().base_url())
            .finish_non_exhaustive()
    }
}
