//! A request to an endpoint: whose it is.

use super::account::Account;
use crate::state::Server;
use crate::sync::lock;
use crate::world::World;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// A request of a known key. It has no `Debug` form: it knows the key.
pub(super) struct Call {
    pub(super) server: Arc<Server>,
    /// What belongs to its key.
    pub(super) world: Arc<World>,
    key: String,
}

impl Call {
    /// Runs `act` on what the caller owns.
    pub(super) fn account<T>(&self, act: impl FnOnce(&mut Account) -> T) -> T {
        account(&self.server, &self.key, act)
    }
}

impl FromRequestParts<Arc<Server>> for Call {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, Response> {
        let key = server.keys.bearer(&parts.headers);
        let key = key.map_err(IntoResponse::into_response)?;
        Ok(Self {
            server: server.clone(),
            world: server.worlds.of_key(&key),
            key,
        })
    }
}

/// Runs `act` on what the key owns.
pub(crate) fn account<T>(server: &Server, key: &str, act: impl FnOnce(&mut Account) -> T) -> T {
    let mut accounts = lock(&server.raccoon);
    if let Some(account) = accounts.get_mut(key) {
        return act(account);
    }
    let options = &server.options;
    let account = Account::new(accounts.len() + 1, options.max_turns, options.queue_turns);
    act(accounts.entry(key.to_owned()).or_insert(account))
}
