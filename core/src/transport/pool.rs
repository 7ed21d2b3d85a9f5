//! The connections of a client and its copies: one HTTP client, built at the
//! first request and dropped when the client is closed.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::tls;
use crate::config::ClientConfig;
use crate::error::{Error, Result};

/// How requests name their client.
pub(super) const OUR_NAME: &str = concat!("sessionwire/", env!("CARGO_PKG_VERSION"));

/// What the copies of a transport share.
#[derive(Debug, Default)]
pub(super) struct Pool {
    state: Mutex<State>,
    /// An upgrade needs HTTP/1.1, where TLS would agree on HTTP/2.
    http1_only: bool,
    /// The last `X-Rate-Limit-Max-Concurrent` seen; 0: none yet.
    max_concurrent: AtomicU32,
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
        match &*self.lock() {
            State::Open(client) => return Ok(client.clone()),
            State::Closed => return Err(Error::closed()),
            State::New => {}
        }
        // Not under the lock: this reads the system's certificates.
        let built = build(config, self.http1_only)?;
        let mut state = self.lock();
        if matches!(*state, State::New) {
            *state = State::Open(built);
        }
        match &*state {
            State::Open(client) => Ok(client.clone()),
            _ => Err(Error::closed()),
        }
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
}

fn build(config: &ClientConfig, http1_only: bool) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .user_agent(OUR_NAME)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(config.connect_timeout)
        .no_proxy();
    #[cfg(feature = "http2")]
    {
        builder = builder
            .http2_keep_alive_interval(std::time::Duration::from_secs(20))
            .http2_keep_alive_while_idle(true);
    }
    if let Some(url) = &config.proxy {
        let proxy = reqwest::Proxy::all(url.as_str())
            .map_err(|error| tls::build_error(&error.without_url()))?
            .no_proxy(
                config
                    .no_proxy
                    .as_deref()
                    .and_then(reqwest::NoProxy::from_string),
            );
        builder = builder.proxy(proxy);
    }
    if http1_only {
        builder = builder.http1_only();
    }
    tls::configure(builder, config, http1_only)?
        .build()
        .map_err(|error| tls::build_error(&error.without_url()))
}
