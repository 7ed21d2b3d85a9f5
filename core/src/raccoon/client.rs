//! The client: its configuration, and the way to its sessions.

use std::time::Duration;

use serde_json::Value;

use super::api::Api;
use super::config::{RaccoonConfig, RaccoonOptions};
use super::frame::Frame;
use super::ids::new_session_id;
use super::models::{
    Attach, EventOptions, RawRequest, RawResponse, ResumeOptions, StartTurn, Upload, UploadedFile,
};
use super::recording::{self, TurnRecording};
use super::session::{Media, Session, Sessions};
use super::turn::Turn;
use super::{handle, validate, watch};
use crate::background::Background;
use crate::config::OptionChanges;
use crate::error::{Error, Result};
use crate::stream::EventQueue;
use crate::telemetry::Trace;
use crate::transport::{UploadProgress, UploadSource};

/// A client of the Raccoon AI Agents API. Clones share everything.
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
    /// `Config` where the HTTP client cannot be set up.
    pub fn new(config: RaccoonConfig) -> Result<Self> {
        Ok(Self {
            api: Api::new(config),
        })
    }

    /// A client configured by `RACCOON_API_KEY` and `RACCOON_BASE_URL`.
    ///
    /// # Errors
    /// `Config` where the environment has no key, or holds a value of no use.
    pub fn from_env() -> Result<Self> {
        Self::new(RaccoonConfig::resolve(RaccoonOptions::default())?)
    }

    /// The configuration.
    pub fn config(&self) -> &RaccoonConfig {
        self.api.config()
    }

    /// A copy with other timeouts, retries or headers that shares the
    /// connection pools.
    ///
    /// # Errors
    /// `Config` for a value of no use.
    pub fn with_options(&self, changes: OptionChanges) -> Result<Self> {
        let config = self.config().changed(changes)?;
        Ok(Self {
            api: self.api.with_config(config),
        })
    }

    /// A fresh session, named by a new UUID. Sends nothing: its first turn
    /// creates it.
    ///
    /// # Errors
    /// `Config` where the system gives no random numbers.
    pub fn session(&self) -> Result<Session> {
        self.continue_session(&new_session_id()?)
    }

    /// A handle on an existing session. Sends nothing.
    ///
    /// # Errors
    /// `InvalidRequest` for an id that no session can have.
    pub fn continue_session(&self, session_id: &str) -> Result<Session> {
        validate::session_id(session_id)?;
        Ok(Session::new(self.api.clone(), session_id.to_owned()))
    }

    /// A trace for a span of a call of this client. `content` is what
    /// `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says.
    #[doc(hidden)]
    pub fn trace(&self, content: Option<&str>) -> Trace {
        Trace::new(&self.config().rest, content)
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

    /// Files for turns.
    pub fn media(&self) -> Media {
        Media::new(self.api.clone())
    }

    /// How many turns may run at once, as the service said last
    /// (docs/spec/raccoon.md, section 6); `None` before its first answer.
    pub fn max_concurrent(&self) -> Option<u32> {
        self.api.max_concurrent()
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

    /// Starts a turn and gives a handle on it.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub fn start_turn(
        &self,
        session_id: &str,
        start: StartTurn,
    ) -> impl Future<Output = Result<Turn>> + Send + 'static {
        let api = self.api.clone();
        let session_id = session_id.to_owned();
        Box::pin(Turn::start(api, session_id, start))
    }

    /// Runs a turn to its end, or until `stop` is ready, which stops it, and gives what a
    /// service like this one would say: for the emulator, and for `wire`. The
    /// session's history and a list of one session are read after it. `decode_frame` and
    /// `decode_answer` are not asked.
    ///
    /// # Errors
    /// Those of [every call](crate#errors). A turn that fails is none.
    pub async fn record_turn(
        &self,
        session_id: &str,
        start: StartTurn,
        stop: impl Future<Output = ()>,
    ) -> Result<TurnRecording> {
        recording::record(&self.api, session_id, start, stop).await
    }

    /// Gives a handle on a turn that was started before, or elsewhere.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub fn attach(&self, attach: Attach) -> impl Future<Output = Result<Turn>> + Send + 'static {
        let api = self.api.clone();
        Box::pin(Turn::attach(api, attach))
    }

    /// The turn of a handle, also of one that another process or another language took. A
    /// turn that was prepared is started first, unless the session's history shows that it was.
    ///
    /// # Errors
    /// `InvalidRequest` for a text that is no handle of this version and service; those of
    /// [every call](crate#errors). `Conflict` where the session went on to something else
    /// since the turn was prepared; `maybe_delivered` where nobody can know whether it was started.
    pub fn resume(
        &self,
        handle: &str,
        options: ResumeOptions,
    ) -> impl Future<Output = Result<Turn>> + Send + use<> {
        let api = self.api.clone();
        let handle = handle.to_owned();
        Box::pin(async move { handle::resume(api, &handle, options).await })
    }

    /// Watches a session: its events over all its turns, whoever starts them. It reads
    /// in the background, and reports failures through the queue.
    ///
    /// # Errors
    /// `InvalidRequest` for options of no use; all else comes through the queue.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn events(&self, session_id: &str, options: EventOptions) -> Result<EventQueue> {
        watch::open(&self.api, session_id, options)
    }

    /// Uploads a file. It is streamed: `progress` tells how far it is. Dropping
    /// the future cancels it. The client's `timeout` limits how long it may
    /// stand still, not how long it may take.
    ///
    /// # Errors
    /// Those of [every call](crate#errors).
    pub fn upload(
        &self,
        upload: Upload,
        source: UploadSource,
        progress: UploadProgress,
    ) -> impl Future<Output = Result<UploadedFile>> + Send + 'static {
        let api = self.api.clone();
        Box::pin(async move { api.send_file(&upload, source, progress).await })
    }

    /// Ends every stream, wait and call of this client and of its copies at
    /// once, and closes their connections. Can be called twice.
    pub fn close(&self) {
        self.api.close();
    }

    /// Waits until nothing goes on in the background, for at most `limit`: the
    /// delete of a session at the end of a block, for example. Which sessions are
    /// left, and why; each is told once. For after [`close`](Self::close), while
    /// the runtime still runs.
    pub async fn settle(&self, limit: Duration) -> Vec<Error> {
        self.api.background().settle(limit).await
    }

    /// The frame that stops a turn, for language bindings whose users write it in their
    /// own way.
    #[doc(hidden)]
    pub fn stop_frame(&self) -> Value {
        Frame::Stop(None).encode(self.config())
    }

    /// What goes on in the background, for language bindings.
    #[doc(hidden)]
    pub fn background(&self) -> &Background {
        self.api.background()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.config().base_url())
            .finish_non_exhaustive()
    }
}
