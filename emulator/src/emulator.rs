//! The handle on a running emulator.

use crate::agent::Agent;
use crate::browser::{Browser, Browsers};
use crate::clock::Clock;
use crate::faults::{Fault, FaultError};
use crate::raccoon::TurnAgent;
use crate::request_filter::RequestFilter;
use crate::requests::RecordedRequest;
use crate::scenario::{Playing, Scenario, ScenarioError};
use crate::state::{Server, lock};
use crate::webhooks::WebhookAttempt;
use crate::{agi, connection, host, live, raccoon};
use axum::middleware::from_fn_with_state;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

/// The key an emulator without a list of keys hands out.
const DEFAULT_KEY: &str = "emulator-key";

/// How an emulator is set up. Every field has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The address to bind; loopback by default, any other only with `allow_remote`.
    pub host: String,
    /// Lets other machines use the emulator: without encryption, and its agent opens any page it is asked for.
    pub allow_remote: bool,
    /// The port; 0: any free one.
    pub port: u16,
    /// The accepted keys; `None`: any non-empty key.
    pub api_keys: Option<Vec<String>>,
    /// Keys that are known but barred: they get 403.
    pub barred_keys: Vec<String>,
    /// Seconds between heartbeats on a stream.
    pub heartbeat_interval: f64,
    /// Seconds between the steps of the built-in agent.
    pub step_delay: f64,
    /// More live sessions per key than this: 503 `Rate limit exceeded`.
    pub session_limit: Option<usize>,
    /// Report the execution status as `ready` (never started, cancelled) and `paused` too.
    pub extended_status: bool,
    /// Skip the events up to `Last-Event-ID` when a stream is resumed.
    pub honour_last_event_id: bool,
    /// Seconds a new session stays `initializing`.
    pub init_delay: f64,
    /// Seconds before the second try of a webhook; doubled for the third.
    pub webhook_backoff: f64,
    /// Seconds that a webhook's receiver has for its answer.
    pub webhook_timeout: f64,
    /// What the agent does; `None`: the built-in agent works on every task.
    pub scenario: Option<Scenario>,
    /// The same, read from a file when the emulator starts: JSON or YAML.
    pub scenario_file: Option<PathBuf>,
    /// Works on the tasks that the scenario has no script for, in place of the built-in agent.
    #[serde(skip)]
    pub agent: Option<Agent>,
    /// Raccoon: works on the turns that the scenario has no script for, in place of the built-in agent.
    #[serde(skip)]
    pub turn_agent: Option<TurnAgent>,
    /// Faults from the start; their order counts.
    pub faults: Vec<Fault>,
    /// How time passes: for steps, delays, the initialization, heartbeats and timestamps.
    pub clock: Clock,
    /// What shows the pages: a Chromium for each session that opens one, or the built-in page view.
    pub browser: Browser,
    /// Chromium's program; `None`: the one that `SESSIONWIRE_CHROMIUM` names, else `chromium`, `chromium-browser` or
    /// `google-chrome` on the path.
    pub chromium: Option<PathBuf>,
    /// Raccoon: how many turns of a key run at once.
    pub max_turns: usize,
    /// Raccoon: turns above `max_turns` wait for their place instead of getting 429.
    pub queue_turns: bool,
    /// Raccoon: the largest upload, in bytes; above it: 413.
    pub upload_limit: u64,
    /// Raccoon: what a WebSocket makes of `last_stream_entry_id`.
    pub resume: Resume,
    /// Raccoon: the events on a WebSocket carry a `stream_entry_id`, as those in the history always do.
    pub entry_ids: bool,
    /// Raccoon: seconds between the pings on a WebSocket.
    pub ping_interval: f64,
    /// Raccoon: answer a message that is not understood with an error instead of ignoring it.
    pub strict_frames: bool,
    /// Raccoon: offer `DELETE /message/{message_id}/abort`, which an earlier revision had.
    pub abort_endpoint: bool,
}

/// What a WebSocket makes of the `last_stream_entry_id` it is opened with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// It sends the events after that entry.
    #[default]
    Honoured,
    /// It sends all events of the turn.
    Ignored,
    /// It sends that entry again, and the events after it.
    Inclusive,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            allow_remote: false,
            port: 0,
            api_keys: None,
            barred_keys: Vec::new(),
            heartbeat_interval: 30.0,
            step_delay: 0.15,
            session_limit: None,
            extended_status: false,
            honour_last_event_id: false,
            init_delay: 0.0,
            webhook_backoff: 1.0,
            webhook_timeout: 10.0,
            scenario: None,
            scenario_file: None,
            agent: None,
            turn_agent: None,
            faults: Vec::new(),
            clock: Clock::Real,
            browser: Browser::Auto,
            chromium: None,
            max_turns: 10,
            queue_turns: false,
            upload_limit: 25 * 1024 * 1024,
            resume: Resume::Honoured,
            entry_ids: true,
            ping_interval: 20.0,
            strict_frames: false,
            abort_endpoint: false,
        }
    }
}

impl Options {
    /// The scenario, from whichever field has it.
    fn scenario(&self) -> Result<Scenario, StartError> {
        match (&self.scenario, &self.scenario_file) {
            (Some(_), Some(_)) => Err(StartError(
                "scenario and scenario_file are both set; use one of them".to_owned(),
            )),
            (None, Some(path)) => {
                Scenario::from_file(path).map_err(|error| StartError(error.to_string()))
            }
            (scenario, None) => Ok(scenario.clone().unwrap_or_default()),
        }
    }

    fn check(&self) -> Result<(), StartError> {
        let bad = |what: String| Err(StartError(what));
        for (name, value, least) in [
            ("heartbeat_interval", self.heartbeat_interval, 0.001),
            ("step_delay", self.step_delay, 0.0),
            ("init_delay", self.init_delay, 0.0),
            ("webhook_backoff", self.webhook_backoff, 0.0),
            ("webhook_timeout", self.webhook_timeout, 0.001),
            ("ping_interval", self.ping_interval, 0.001),
        ] {
            if !(least..=86_400.0).contains(&value) {
                return bad(format!(
                    "{name} is {value}; it is in seconds, from {least} to 86400"
                ));
            }
        }
        if self.max_turns == 0 {
            return bad(
                "max_turns is 0; it is how many turns may run at once, at least 1".to_owned(),
            );
        }
        let keys = self
            .api_keys
            .as_deref()
            .unwrap_or_default()
            .iter()
            .chain(&self.barred_keys);
        if self.api_keys.as_ref().is_some_and(Vec::is_empty)
            || keys.into_iter().any(|key| key.trim().is_empty())
        {
            return bad(
                "api_keys holds no usable key; name at least one, or leave it out to accept any"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// Why an emulator did not start.
#[derive(Debug)]
pub struct StartError(String);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// A running emulator. Dropping it stops it.
///
/// ```
/// # async fn example() -> Result<(), sessionwire_emulator::StartError> {
/// use sessionwire_emulator::{Emulator, Options};
///
/// let emulator = Emulator::start(Options::default()).await?;
/// println!("AGI_BASE_URL={} AGI_API_KEY={}", emulator.url(), emulator.api_key());
/// emulator.close().await;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
pub struct Emulator {
    server: Arc<Server>,
    api_key: String,
    is_remote: bool,
}

/// Without the key.
impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emulator")
            .field("url", &self.server.url)
            .finish_non_exhaustive()
    }
}

impl Emulator {
    /// Starts an emulator on the current tokio runtime; it accepts connections when this returns.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        options.check()?;
        let scenario = options.scenario()?;
        let runtime = Handle::try_current().map_err(|_| {
            StartError("no tokio runtime; call Emulator::start inside one".to_owned())
        })?;
        let refused = |error: std::io::Error| {
            StartError(format!(
                "cannot listen on {} port {}: {error}; use port 0 for any free port",
                options.host, options.port
            ))
        };
        let addresses = host::addresses(&options).await.map_err(StartError)?;
        let listener = TcpListener::bind(addresses.as_slice())
            .await
            .map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let api_key = options
            .api_keys
            .as_ref()
            .and_then(|keys| keys.first())
            .map_or(DEFAULT_KEY, String::as_str)
            .to_owned();
        let mut reachable = address;
        if address.ip().is_unspecified() {
            // "Every address of this machine" is none that every client can connect to.
            reachable.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        let url = format!("http://{reachable}");
        let link = live::Link::new(&url).map_err(|error| {
            StartError(format!(
                "the system gives no random numbers ({error}); the live view needs one"
            ))
        })?;
        let browsers = Browsers::new(options.browser, options.chromium.as_deref()).await;
        let browsers = Arc::new(browsers.map_err(StartError)?);
        let server = Arc::new(Server::new(options, scenario, runtime, url, link, browsers));
        for fault in server.options.faults.clone() {
            let text = fault.to_string();
            let added = lock(&server.faults).add(fault);
            added.map_err(|error| {
                StartError(format!("the fault `{text}` cannot be used: {error}"))
            })?;
        }
        let router = agi::router(&server)
            .merge(raccoon::router(&server))
            .merge(live::router(&server))
            .layer(from_fn_with_state(server.clone(), host::guard));
        server.spawn(connection::accept(server.clone(), listener, router));
        if address.ip().is_loopback() {
            tracing::info!(%address, "the emulator listens");
        } else {
            tracing::warn!(%address, "the emulator listens: other machines can use it, without encryption");
        }
        Ok(Self {
            server,
            api_key,
            is_remote: !address.ip().is_loopback(),
        })
    }

    /// Where it listens, such as `http://127.0.0.1:49152`; the AGI endpoints are below `/v1`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// The base URL of Raccoon's endpoints; its WebSockets are at the same address, with `ws` for `http`.
    #[must_use]
    pub fn raccoon_url(&self) -> &str {
        &self.server.url
    }

    /// The live view: a page with all sessions. Whoever has the address can watch and drive them, without a key.
    #[must_use]
    pub fn live_url(&self) -> &str {
        self.server.live.url()
    }

    /// Whether other machines can use it: it was started with `allow_remote` and a host that is not loopback.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.is_remote
    }

    /// The program of the Chromium that opens pages; `None`: the built-in page view does.
    #[must_use]
    pub fn chromium(&self) -> Option<&Path> {
        self.server.browsers.program()
    }

    /// A key it accepts.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Everything it received, in order: the last 100,000 requests.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.requests_matching(&RequestFilter::default())
    }

    /// Those of the received requests that are meant, in order.
    #[must_use]
    pub fn requests_matching(&self, filter: &RequestFilter) -> Vec<RecordedRequest> {
        lock(&self.server.requests).matching(filter)
    }

    /// How often a request arrived or was answered since the start.
    #[must_use]
    pub fn request_changes(&self) -> u64 {
        *lock(&self.server.requests).changes().borrow()
    }

    /// Waits until a request arrives or is answered, if `seen` is what `request_changes` said before the last look.
    /// False once the emulator is closed: nothing comes any more.
    pub async fn requests_changed(&self, seen: u64) -> bool {
        let mut changes = lock(&self.server.requests).changes();
        tokio::select! {
            biased;
            changed = changes.wait_for(|changes| *changes != seen) => changed.is_ok(),
            () = self.server.stop.cancelled() => false,
        }
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        lock(&self.server.requests).clear();
    }

    /// Injects a fault; faults strike in the order they were injected.
    ///
    /// # Errors
    /// When an action has no meaning for the endpoint; the text says what to use.
    pub fn fail(&self, fault: Fault) -> Result<(), FaultError> {
        lock(&self.server.faults).add(fault)
    }

    /// The faults that still wait for their requests, in the order in which they strike, with what is left of `times` and
    /// `skip`.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        lock(&self.server.faults).list()
    }

    /// Takes back all faults. A stream that was struck stays struck.
    pub fn clear_faults(&self) {
        lock(&self.server.faults).clear();
    }

    /// Sets what the agent does for the tasks that start from now on.
    pub fn scenario(&self, scenario: Scenario) {
        *lock(&self.server.playing) = Playing::new(scenario);
    }

    /// Sets what the agent does from a file, as [`Self::scenario`] does.
    ///
    /// # Errors
    /// When it cannot be read or is no scenario; then the one in force stays.
    pub fn scenario_file(&self, path: impl AsRef<Path>) -> Result<(), ScenarioError> {
        self.scenario(Scenario::from_file(path)?);
        Ok(())
    }

    /// Sets who works on the tasks that start from now on and that the scenario has no script for; `None`: the built-in
    /// agent.
    pub fn agent(&self, agent: Option<Agent>) {
        *lock(&self.server.agent) = agent;
    }

    /// Raccoon: sets who works on the turns that start from now on and that the scenario has no script for; `None`: the
    /// built-in agent.
    pub fn turn_agent(&self, agent: Option<TurnAgent>) {
        *lock(&self.server.turn_agent) = agent;
    }

    /// The attempts to deliver webhooks, as they ended: the last 10,000.
    #[must_use]
    pub fn webhook_attempts(&self) -> Vec<WebhookAttempt> {
        lock(&self.server.webhooks).list()
    }

    /// The number of event streams and WebSockets that are open now.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.server.open_streams.load(Ordering::Acquire)
    }

    /// The number of live sessions of all keys.
    #[must_use]
    pub fn session_count(&self) -> usize {
        lock(&self.server.accounts)
            .values()
            .map(agi::account::Account::len)
            .sum()
    }

    /// Ends every connection and all work at once; returns when they are gone. Closing twice is fine.
    pub async fn close(&self) {
        self.stop();
        self.server.close_browsers();
        self.server.tasks.close();
        self.server.tasks.wait().await;
        self.server.browsers.close();
    }
}

impl Emulator {
    fn stop(&self) {
        self.server.stop.cancel();
        // Whoever takes work from a queue sees that none will come.
        self.agent(None);
        self.turn_agent(None);
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop();
    }
}
