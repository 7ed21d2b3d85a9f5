//! Which world a request of the control API is about.

use crate::errors::ApiError;
use crate::state::Server;
use crate::world::World;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use std::sync::Arc;

/// The header that names the key of a world.
const KEY: &str = "x-emulator-key";

/// The world of the key in `X-Emulator-Key`, or the default one.
pub(super) struct Subject {
    pub(super) server: Arc<Server>,
    pub(super) world: Arc<World>,
}

impl FromRequestParts<Arc<Server>> for Subject {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, ApiError> {
        let world = match parts.headers.get(KEY) {
            None => Some(server.worlds.default_world().clone()),
            Some(key) => key.to_str().ok().and_then(|key| server.worlds.own(key)),
        };
        let world = world.ok_or_else(|| {
            let detail = "The key in X-Emulator-Key has no world. Make one with POST /_emulator/v1/worlds and \
                          {\"key\": \"...\"}, or leave the header out for the default world";
            ApiError::new(StatusCode::NOT_FOUND, detail)
        })?;
        Ok(Self {
            server: server.clone(),
            world,
        })
    }
}
