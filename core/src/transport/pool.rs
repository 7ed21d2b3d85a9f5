//! The connections of a client and its copies: one HTTP client for each runtime that
//! uses them, built at its first request and dropped when the client is closed.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::{Handle, Id};

use super::connect::WithinTheCall;
use super::tls;
use crate::config::ClientConfig;
use crate::error::{Error, Result};

/// How requests name their client.
pub(super) const OUR_NAME: &str = concat!("sessionwire/", env!("CARGO_PKG_VERSION"));

/// A connection that nobody used for so long may be gone without a sign: a
/// machine that slept, or a router that forgot it.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// After a pause like this the service may have closed a connection, and the
/// runtime may not have seen that yet.
const PAUSE: Duration = Duration::from_millis(200);

/// Most runtimes that keep their connections: the ones that were used last.
const MAX_RUNTIMES: usize = 16;

/// What the copies of a transport share.
#[derive(Debug, Default)]
pub(super) struct Pool {
    state: Mutex<State>,
    /// An upgrade needs HTTP/1.1, where TLS would agree on HTTP/2.
    http1_only: bool,
    /// The last `X-Rate-Limit-Max-Concurrent` seen; 0: none yet.
    max_concurrent: AtomicU32,
    used_at: Mutex<Option<UsedAt>>,
    /// Read once: it takes the system's certificates.
    tls: OnceLock<rustls::ClientConfig>,
}

/// When a connection was used last, by a clock that goes on while the process is
/// stopped, and one that goes on while the machine sleeps.
#[derive(Debug, Clone, Copy)]
struct UsedAt(Instant, SystemTime);

impl UsedAt {
    fn ago(self) -> Duration {
        // A clock that was set back says nothing.
        let slept = self.1.elapsed().unwrap_or_default();
        self.0.elapsed().max(slept)
    }
}

#[derive(Debug, Clone, Default)]
enum State {
    /// Nothing was sent yet.
    #[default]
    New,
    Open(Vec<OfRuntime>),
    Closed,
}

/// A connection is served by a task of the runtime that opened it, and breaks when that
/// ends: whoever took it from another runtime would lose the request in flight.
#[derive(Debug, Clone)]
struct OfRuntime {
    runtime: Option<Id>,
    client: reqwest::Client,
}

impl State {
    /// The HTTP client of a runtime, if there is one.
    fn client_of(&mut self, runtime: Option<Id>) -> Result<Option<reqwest::Client>> {
        let clients = match self {
            Self::New => return Ok(None),
            Self::Open(clients) => clients,
            Self::Closed => return Err(Error::closed()),
        };
        let Some(at) = clients.iter().rposition(|of| of.runtime == runtime) else {
            return Ok(None);
        };
        // The one that was used last stands last.
        if at + 1 < clients.len() {
            let used = clients.remove(at);
            clients.push(used);
        }
        Ok(clients.last().map(|of| of.client.clone()))
    }

    fn add(&mut self, of: OfRuntime) {
        match self {
            Self::New => *self = Self::Open(vec![of]),
            Self::Open(clients) => {
                if clients.len() == MAX_RUNTIMES {
                    clients.remove(0);
                }
                clients.push(of);
            }
            Self::Closed => {}
        }
    }
}

impl Pool {
    /// A pool whose connections can be upgraded to another protocol.
    pub(super) fn http1_only() -> Self {
        Self {
            http1_only: true,
            ..Self::default()
        }
    }

    pub(super) fn is_for_upgrades(&self) -> bool {
        self.http1_only
    }

    /// The HTTP client. Whoever holds it keeps its connections open.
    pub(super) fn client(&self, config: &ClientConfig) -> Result<reqwest::Client> {
        let runtime = Handle::try_current().ok().map(|runtime| runtime.id());
        let mut state = self.lock();
        if matches!(*state, State::Open(_)) && self.unused_for() > IDLE_LIMIT {
            *state = State::New;
        }
        if let Some(client) = state.client_of(runtime)? {
            return Ok(client);
        }
        drop(state);
        // Not under the lock: this reads the system's certificates.
        let built = self.build(config)?;
        let mut state = self.lock();
        // Another thread of this runtime may have been faster.
        if let Some(client) = state.client_of(runtime)? {
            return Ok(client);
        }
        state.add(OfRuntime {
            runtime,
            client: built.clone(),
        });
        Ok(built)
    }

    /// Lets the runtime see which connections the service closed meanwhile, for a
    /// request that must not be sent into one of those: what is written there may
    /// have arrived, for all that anybody can tell.
    pub(super) async fn settle(&self) {
        if self.unused_for() > PAUSE {
            // A timer rings after the sockets were looked at.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// A connection was used just now.
    pub(super) fn was_used(&self) {
        *self.used_at() = Some(UsedAt(Instant::now(), SystemTime::now()));
    }

    fn unused_for(&self) -> Duration {
        self.used_at().map_or(Duration::ZERO, UsedAt::ago)
    }

    fn used_at(&self) -> MutexGuard<'_, Option<UsedAt>> {
        self.used_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the HTTP client, and with it the connections that nothing uses.
    pub(super) fn close(&self) {
        let dropped = std::mem::replace(&mut *self.lock(), State::Closed);
        drop(dropped);
    }

    /// A pool of its own that begins with the connections of this one.
    pub(super) fn outliving_close(&self) -> Self {
        let state = match &*self.lock() {
            State::Open(clients) => State::Open(clients.clone()),
            State::New | State::Closed => State::New,
        };
        Self {
            state: Mutex::new(state),
            http1_only: self.http1_only,
            max_concurrent: AtomicU32::new(0),
            used_at: Mutex::new(*self.used_at()),
            tls: self.tls.clone(),
        }
    }

    /// How many turns may run at once, as the service said last.
    pub(super) fn max_concurrent(&self) -> Option<u32> {
        let seen = self.max_concurrent.load(Ordering::Relaxed);
        (seen > 0).then_some(seen)
    }

    pub(super) fn saw_max_concurrent(&self, limit: u32) {
        self.max_concurrent.store(limit, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn build(&self, config: &ClientConfig) -> Result<reqwest::Client> {
        let tls = match self.tls.get() {
            Some(tls) => tls,
            None => {
                let read = tls::client_config(config, self.http1_only)?;
                self.tls.get_or_init(|| read)
            }
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(OUR_NAME)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(config.connect_timeout)
            .connector_layer(WithinTheCall)
            .tls_backend_preconfigured(tls.clone())
            .no_proxy();
        #[cfg(feature = "http2")]
        {
            builder = builder
                .http2_keep_alive_interval(Duration::from_secs(20))
                .http2_keep_alive_while_idle(true);
        }
        if let Some(url) = &config.proxy {
            let proxy = reqwest::Proxy::all(url.as_str());
            builder = builder.proxy(proxy.map_err(|error| tls::build_error(&error.without_url()))?);
        }
        if self.http1_only {
            builder = builder.http1_only();
        }
        builder
            .build()
            .map_err(|error| tls::build_error(&error.without_url()))
    }
}
