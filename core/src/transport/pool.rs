//! The connections of a client and its copies: one HTTP client, built at the
//! first request and dropped when the client is closed.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

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
    Open(reqwest::Client),
    Closed,
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
        let mut state = self.lock();
        if matches!(*state, State::Open(_)) && self.unused_for() > IDLE_LIMIT {
            *state = State::New;
        }
        match &*state {
            State::Open(client) => return Ok(client.clone()),
            State::Closed => return Err(Error::closed()),
            State::New => {}
        }
        drop(state);
        // Not under the lock: this reads the system's certificates.
        let built = self.build(config)?;
        let mut state = self.lock();
        if matches!(*state, State::New) {
            *state = State::Open(built);
        }
        match &*state {
            State::Open(client) => Ok(client.clone()),
            _ => Err(Error::closed()),
        }
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
            State::Open(client) => State::Open(client.clone()),
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
