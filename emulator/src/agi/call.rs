//! A request to an endpoint: whose it is, and what it brings.

use super::account::Account;
use super::session::Session;
use super::validate::{Fields, Query};
use crate::connection::Connection;
use crate::errors::{ApiError, json_response};
use crate::faults::{LateStatus, StreamFault};
use crate::requests::session_id;
use crate::state::Server;
use crate::sync::lock;
use crate::world::World;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use std::sync::Arc;

/// A request of a known key, ready for its endpoint. It has no `Debug` form: it knows the key.
pub(crate) struct Call {
    pub(crate) server: Arc<Server>,
    /// What belongs to its key.
    pub(crate) world: Arc<World>,
    key: String,
    session_id: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) connection: Connection,
    pub(crate) fault: StreamFault,
    pub(crate) late_status: Option<LateStatus>,
    body: Bytes,
}

impl Call {
    pub(crate) fn fields(&self) -> Result<Fields, ApiError> {
        Fields::parse(&self.body)
    }

    /// Whose request it is.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn session_id(&self) -> &str {
        &self.session_id
    }

    /// The session the path names, if the caller owns it.
    pub(crate) fn session(&self) -> Result<Arc<Session>, ApiError> {
        self.account(|account| account.get(&self.session_id))
            .ok_or_else(ApiError::no_session)
    }

    /// Runs `act` on what the caller owns.
    pub(crate) fn account<T>(&self, act: impl FnOnce(&mut Account) -> T) -> T {
        let mut accounts = lock(&self.server.agi);
        if let Some(account) = accounts.get_mut(&self.key) {
            return act(account);
        }
        act(accounts.entry(self.key.clone()).or_default())
    }
}

impl FromRequest<Arc<Server>> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, server: &Arc<Server>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let key = server
            .keys
            .bearer(&parts.headers)
            .map_err(IntoResponse::into_response)?;
        let body = body.collect().await.map_err(|error| {
            let detail = format!("The body cannot be read: {error}");
            json_response(
                StatusCode::BAD_REQUEST,
                serde_json::json!({ "detail": detail }).to_string(),
            )
        })?;
        Ok(Self {
            server: server.clone(),
            world: server.worlds.of_key(&key),
            key,
            session_id: session_id(parts.uri.path(), "").unwrap_or_default(),
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            connection: parts.extensions.remove().unwrap_or_default(),
            fault: parts.extensions.remove().unwrap_or_default(),
            late_status: parts.extensions.remove(),
            headers: parts.headers,
            body: body.to_bytes(),
        })
    }
}
