//! The handle on a running emulator.

use crate::agi::{Agent, WebhookAttempt};
use crate::browser::Browsers;
use crate::clock::Clock;
use crate::control::{self, ControlToken};
use crate::faults::{Fault, FaultError};
use crate::keeping::keep;
use crate::kept::{StateFolder, Unkept};
use crate::keys::new_key;
use crate::live_link::LiveLink;
use crate::options::{Options, StartError};
use crate::raccoon::TurnAgent;
use crate::requests::{CapturedRequest, RequestFilter};
use crate::saved::{Given, SavedState};
use crate::scenario::{Playing, Scenario, ScenarioError};
use crate::state::{Server, WorldError};
use crate::sync::lock;
use crate::tls::{self, AuthorityFile};
use crate::unplayed::Unplayed;
use crate::web::Web;
use crate::workers::Workers;
use crate::world::{Made, World};
use crate::{agi, connection, cors, host, live_view, raccoon, saved};
use axum::middleware::from_fn_with_state;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

/// The key an emulator without a list of keys hands out.
const DEFAULT_KEY: &str = "emulator-key";

/// A running emulator, or what one key sees of it ([`Emulator::world`]). Dropping the emulator stops it.
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
    /// What it sets and shows: the default world, or that of one key.
    world: Arc<World>,
    api_key: String,
    control_token: Option<ControlToken>,
    /// Of a certificate that it made.
    authority: Option<Arc<AuthorityFile>>,
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
    pub async fn start(mut options: Options) -> Result<Self, StartError> {
        options.check()?;
        let given = Given::by(&options);
        let mut scenario = options.load_scenario()?;
        let kept = options.state.as_deref().map(StateFolder::open);
        let kept = kept.transpose().map_err(StartError)?.map(Arc::new);
        let was_kept = kept.as_ref().map(|kept| kept.read());
        let was_kept = was_kept.transpose().map_err(StartError)?.flatten();
        let seed = read_seed(options.seed.as_deref(), options.seed_state.as_ref())?;
        if let Some((_, seed)) = &seed {
            seed.begin(given, &mut options, &mut scenario);
        }
        for fault in &options.faults {
            fault.validate().map_err(|error| {
                StartError(format!("the fault `{fault}` cannot be used: {error}"))
            })?;
        }
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
        let is_remote = !address.ip().is_loopback();
        if is_remote && options.api_keys.is_none() {
            options.api_keys = Some(vec![new_key().map_err(|error| no_random_numbers(&error))?]);
        }
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
        let tls = tls::of(&options, address.ip(), reachable.ip()).map_err(StartError)?;
        let (url, acceptor, authority, warnings) = match tls {
            None => (format!("http://{reachable}"), None, None, Vec::new()),
            Some(tls) => {
                let host = tls.host.unwrap_or_else(|| match reachable.ip() {
                    IpAddr::V4(ip) => ip.to_string(),
                    IpAddr::V6(ip) => format!("[{ip}]"),
                });
                let url = format!("https://{host}:{}", reachable.port());
                (url, Some(tls.acceptor), tls.authority, tls.warnings)
            }
        };
        let has_tls = acceptor.is_some();
        let public_url = match &options.public_url {
            Some(text) => text.trim_end_matches('/').to_owned(),
            None => url.clone(),
        };
        let link = LiveLink::new(&public_url).map_err(|error| no_random_numbers(&error))?;
        let web = Arc::new(Web::default());
        let browsers = Browsers::new(web.clone(), options.browser, options.chromium.as_deref());
        let browsers = Arc::new(browsers.await.map_err(StartError)?);
        let control_token = control_token(&options)?;
        let workers = Workers::new(runtime);
        let pages: Arc<[String]> = options.cors_origins.clone().into();
        let mut server = Server::new(options, scenario, workers, url, link, web, browsers);
        server.seed = seed.map(|(text, _)| text);
        server.kept = kept.clone();
        server.warnings = warnings;
        let server = Arc::new(server);
        match kept.as_ref().zip(was_kept) {
            Some((kept, text)) => saved::import_all(&server, &text, given)
                .map_err(|why| StartError(kept.not_ours(&why)))?,
            None => saved::plant(&server, server.worlds.default_world())
                .map_err(|why| StartError(format!("the seed cannot be used: {why}")))?,
        }
        if let Some(kept) = &kept {
            server.workers.spawn(keep(server.clone(), kept.clone()));
        }
        let router = agi::router(&server)
            .merge(raccoon::router(&server))
            .merge(live_view::router(&server))
            .merge(control::router(&server, control_token.clone()))
            .layer(from_fn_with_state(pages, cors::allow))
            .layer(from_fn_with_state(server.clone(), host::guard));
        let accepting = connection::accept(server.workers.clone(), listener, router, acceptor);
        server.workers.spawn(accepting);
        if address.ip().is_loopback() {
            tracing::info!(%address, "the emulator listens");
        } else {
            tracing::warn!(%address, has_tls, "the emulator listens: other machines can use it");
        }
        Ok(Self {
            world: server.worlds.default_world().clone(),
            server,
            api_key,
            control_token,
            authority: authority.map(Arc::new),
            is_remote,
        })
    }

    /// This emulator with a world of its own for one key: what is set here (scenario, faults, agents) plays for requests with
    /// this key alone, and what is shown (requests, webhooks, sessions) is theirs. It begins as the emulator was started.
    /// Keys without a world share that of the emulator itself.
    ///
    /// `None`: a new key, which nobody else has. The same key gives the same world. `close` ends its sessions and forgets it;
    /// dropping it does nothing.
    ///
    /// # Errors
    /// When no request can bring such a key, or it is barred.
    pub fn world(&self, key: Option<&str>) -> Result<Self, WorldError> {
        let (world, _) = self.server.open_world(key, Made::default())?;
        Ok(Self {
            api_key: world.key.clone().unwrap_or_default(),
            world,
            server: self.server.clone(),
            control_token: self.control_token.clone(),
            authority: self.authority.clone(),
            is_remote: self.is_remote,
        })
    }

    /// Sets everything back to how it began, for the next test: scenario, faults and clock as the emulator was started or this
    /// world was made, no requests, no webhook attempts, the sessions of [`Options::seed`] alone. What the sessions so far told
    /// is sent to no webhook any more. Agents stay.
    pub fn reset(&self) {
        if let Err(error) = saved::reset(&self.server, &self.world) {
            tracing::error!(error, "what the seed has cannot be there again");
        }
    }

    /// Sets how time passes in the sessions that are created from now on.
    pub fn clock(&self, clock: Clock) {
        self.world.set_clock(clock);
    }

    /// Where it listens, such as `http://127.0.0.1:49152`, with TLS `https`; the AGI endpoints are below `/v1`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// The base URL of Raccoon's endpoints; its WebSockets are at the same address, with `ws` for `http`, and `wss` for `https`.
    #[must_use]
    pub fn raccoon_url(&self) -> &str {
        &self.server.url
    }

    /// The live view: a page with all sessions. Whoever has the address can watch and drive them, without a key.
    #[must_use]
    pub fn live_url(&self) -> &str {
        self.server.index.url()
    }

    /// The base URL of the control API, such as `http://127.0.0.1:49152/_emulator/v1`; `None`: it is off.
    #[must_use]
    pub fn control_url(&self) -> Option<String> {
        let path = control::CONTROL_PATH;
        self.control_token
            .as_ref()
            .map(|_| format!("{}{path}", self.server.url))
    }

    /// The token that the control API wants as `Authorization: Bearer`; `None`: it is off.
    #[must_use]
    pub fn control_token(&self) -> Option<&str> {
        self.control_token.as_ref().map(ControlToken::as_str)
    }

    /// The PEM file with what a client has to trust (its `ca_file`), where the emulator made its own certificate
    /// ([`Options::tls`]). `None`: it speaks no TLS, or has a certificate of somebody else.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Path> {
        self.authority.as_deref().map(AuthorityFile::path)
    }

    /// All that it holds, as JSON, to bring back with [`Self::import_state`]: scenario, faults, clock, the sessions of AGI
    /// with their events, its snapshots, and the sessions of Raccoon with their turns and files. It holds the keys and the addresses of webhooks: keep it as you keep those.
    #[must_use]
    pub fn export_state(&self) -> String {
        let state = saved::export(&self.server, &self.world);
        serde_json::to_string(&state).unwrap_or_default()
    }

    /// Replaces what it holds with a state that was exported. Tasks that ran then end with an error.
    ///
    /// # Errors
    /// When it is no such state; the text says why, and nothing has changed.
    pub fn import_state(&self, state: &str) -> Result<(), StateError> {
        let state = serde_json::from_str(state).map_err(|error| StateError(error.to_string()))?;
        saved::import(&self.server, &self.world, state).map_err(StateError)
    }

    /// What cannot be kept in the folder of [`Options::state`], since when and why. The emulator tries again until it is closed;
    /// what is still there then is lost. `None`: all is kept, there is no such folder, or this is the world of a key.
    #[must_use]
    pub fn unkept(&self) -> Option<Unkept> {
        let kept = self.server.kept.as_ref();
        kept.filter(|_| self.world.key.is_none())?.unkept()
    }

    /// What users should hear of when it has started, a text each: of a [`Options::tls_cert`] that clients refuse.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.server.warnings
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
    pub fn requests(&self) -> Vec<CapturedRequest> {
        self.requests_matching(&RequestFilter::default())
    }

    /// Those of the received requests that are meant, in order.
    #[must_use]
    pub fn requests_matching(&self, filter: &RequestFilter) -> Vec<CapturedRequest> {
        lock(&self.world.requests).matching(filter)
    }

    /// For the text of a failed assertion: the request that is nearest to the expected one, with what differs, and what
    /// happened since the start, a line each. Without an expected one it is the latter alone.
    #[must_use]
    pub fn explain(&self, expected: Option<&RequestFilter>) -> String {
        self.world.explain(expected)
    }

    /// How often a request arrived or got its response since the start.
    #[must_use]
    pub fn request_changes(&self) -> u64 {
        *lock(&self.world.requests).changes().borrow()
    }

    /// Waits until a request arrives or gets its response, if `seen` is what `request_changes` said before the last look.
    /// False once the emulator or this world is closed: nothing comes any more.
    pub async fn requests_changed(&self, seen: u64) -> bool {
        let mut changes = lock(&self.world.requests).changes();
        tokio::select! {
            biased;
            changed = changes.wait_for(|changes| *changes != seen) => changed.is_ok(),
            () = self.server.workers.stop().cancelled() => false,
            () = self.world.ended.cancelled() => false,
        }
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        lock(&self.world.requests).clear();
        lock(&self.world.timeline).clear();
    }

    /// Injects a fault; of several that match a request, the oldest acts.
    ///
    /// # Errors
    /// When an action has no meaning for the endpoint; the text says what to use.
    pub fn fail(&self, fault: Fault) -> Result<(), FaultError> {
        lock(&self.world.faults).add(fault)
    }

    /// The faults that still wait for their requests, in the order in which they were injected, with what is left of `times` and
    /// `skip`.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        lock(&self.world.faults).list()
    }

    /// Takes back all faults. A stream that has begun with one keeps it.
    pub fn clear_faults(&self) {
        lock(&self.world.faults).clear();
    }

    /// Sets what the agent does for the tasks that start from now on.
    pub fn scenario(&self, scenario: Scenario) {
        *lock(&self.world.playing) = Playing::new(scenario);
    }

    /// The same, as if the emulator had been started with it: it plays after each [`Self::reset`], too, and in worlds that are
    /// made from now on. For a scenario whose file was edited.
    pub fn begin_with(&self, scenario: Scenario) {
        self.server.worlds.begin_with(scenario.clone());
        self.scenario(scenario);
    }

    /// Sets what the agent does from a file, as [`Self::scenario`] does.
    ///
    /// # Errors
    /// When it cannot be read or is no scenario; then the one in force stays.
    pub fn scenario_file(&self, path: impl AsRef<Path>) -> Result<(), ScenarioError> {
        self.scenario(Scenario::from_file(path)?);
        Ok(())
    }

    /// What a test should hear of when it ends: tasks and turns that failed because no entry of the scenario fits
    /// ([`Unmatched::Error`](crate::Unmatched::Error)), faults that never struck, `once` entries that never played. What was
    /// taken back, or replaced by another scenario, is not in it.
    #[must_use]
    pub fn unplayed(&self) -> Unplayed {
        self.world.unplayed()
    }

    /// Sets who works on the tasks that start from now on and that the scenario has no script for; `None`: the built-in
    /// agent.
    pub fn agent(&self, agent: Option<Agent>) {
        *lock(&self.world.agent) = agent;
    }

    /// Raccoon: sets who works on the turns that start from now on and that the scenario has no script for; `None`: the
    /// built-in agent.
    pub fn turn_agent(&self, agent: Option<TurnAgent>) {
        *lock(&self.world.turn_agent) = agent;
    }

    /// The attempts to deliver webhooks, as they ended: the last 10,000.
    #[must_use]
    pub fn webhook_attempts(&self) -> Vec<WebhookAttempt> {
        self.world.webhooks.attempts()
    }

    /// The number of event streams and WebSockets that are open now.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        let open = |world: &World| world.open_streams.load(Ordering::Acquire);
        match &self.world.key {
            Some(_) => open(&self.world),
            None => self
                .server
                .worlds
                .all()
                .iter()
                .map(|world| open(world))
                .sum(),
        }
    }

    /// The number of live sessions of all keys, or of its one.
    #[must_use]
    pub fn session_count(&self) -> usize {
        let accounts = lock(&self.server.agi);
        match &self.world.key {
            Some(key) => accounts.get(key).map_or(0, agi::Account::len),
            None => accounts.values().map(agi::Account::len).sum(),
        }
    }

    /// Ends every connection and all work at once; returns when they are gone. Closing twice is fine. The world of a key: its
    /// sessions are deleted, and the key plays in the emulator's own world again.
    pub async fn close(&self) {
        if let Some(key) = &self.world.key {
            return self.server.forget_world(key);
        }
        self.stop();
        self.server.close_browsers();
        self.server.workers.join().await;
        self.server.browsers.close();
        if let Some(authority) = &self.authority {
            authority.remove();
        }
    }
}

impl Emulator {
    fn stop(&self) {
        let stop = self.server.workers.stop();
        if self.world.key.is_some() || stop.is_cancelled() {
            return;
        }
        if let Some(kept) = &self.server.kept {
            kept.write_last(saved::export_all(&self.server));
        }
        stop.cancel();
        // Whoever takes work from a queue sees that none will come.
        for world in self.server.worlds.all() {
            *lock(&world.agent) = None;
            *lock(&world.turn_agent) = None;
        }
    }
}

/// What exists at the start, as text and as it was read.
fn read_seed(
    file: Option<&Path>,
    state: Option<&serde_json::Value>,
) -> Result<Option<(String, SavedState)>, StartError> {
    let (name, text) = match (file, state) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let both = "seed and seed_state are both set; use one of them";
            return Err(StartError(both.to_owned()));
        }
        (Some(file), None) => {
            let text = std::fs::read_to_string(file).map_err(|error| error.to_string());
            (format!("`{}`", file.display()), text)
        }
        (None, Some(state)) => ("data".to_owned(), Ok(state.to_string())),
    };
    let read = text.and_then(|text| saved::read(&text).map(|state| (text, state)));
    read.map(Some).map_err(|why| {
        StartError(format!(
            "seed is {name}, which cannot be used: {why}; give a state as GET /_emulator/v1/state writes it"
        ))
    })
}

/// The token of the control API, where that was asked for.
fn control_token(options: &Options) -> Result<Option<ControlToken>, StartError> {
    match &options.control_token {
        Some(token) => ControlToken::chosen(token.clone())
            .map(Some)
            .map_err(StartError),
        None if options.control => ControlToken::random()
            .map(Some)
            .map_err(|error| no_random_numbers(&error)),
        None => Ok(None),
    }
}

fn no_random_numbers(error: &impl std::fmt::Display) -> StartError {
    StartError(format!(
        "the system gives no random numbers ({error}); the live view and the keys need them"
    ))
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Why a state cannot be brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateError(String);

impl std::fmt::Display for StateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StateError {}
