//! Who asks for a page, and what the secret in the path opens.

use crate::agi::Session;
use crate::errors::ApiError;
use crate::foreign::is_foreign;
use crate::state::Server;
use crate::sync::lock;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::sync::Arc;

pub(super) const HTML: &str = "text/html; charset=utf-8";

/// A request with a secret that opens something.
pub(super) struct Visitor {
    pub(super) secret: String,
    pub(super) place: Place,
}

/// What is behind a secret.
pub(super) enum Place {
    /// The list of all sessions.
    Index,
    /// One session, and the key that owns it.
    Session { key: String, session: Arc<Session> },
}

impl Visitor {
    pub(super) fn session(self) -> Result<(String, Arc<Session>), ApiError> {
        match self.place {
            Place::Session { key, session } => Ok((key, session)),
            Place::Index => Err(ApiError::no_session()),
        }
    }
}

impl FromRequestParts<Arc<Server>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        server: &Arc<Server>,
    ) -> Result<Self, Self::Rejection> {
        let mut names = Path::<HashMap<String, String>>::from_request_parts(parts, server)
            .await
            .map_err(IntoResponse::into_response)?
            .0;
        let secret = names.remove("secret").unwrap_or_default();
        let place = find(server, &secret).ok_or_else(not_found)?;
        if !parts.method.is_safe() && is_foreign(&parts.headers, &server.url, server.public_url()) {
            let detail = "This page may be used from its own address only";
            return Err(ApiError::new(StatusCode::FORBIDDEN, detail).into_response());
        }
        Ok(Self { secret, place })
    }
}

fn find(server: &Server, secret: &str) -> Option<Place> {
    if server.index.opens_with(secret) {
        return Some(Place::Index);
    }
    lock(&server.agi).iter().find_map(|(key, account)| {
        let session = account.find(|session| session.is_opened_by(secret))?;
        Some(Place::Session {
            key: key.clone(),
            session,
        })
    })
}

/// A wrong secret, or that of a session that is gone.
fn not_found() -> Response {
    let page = include_str!("pages/gone.html");
    let kind = [(header::CONTENT_TYPE, HTML)];
    (StatusCode::NOT_FOUND, kind, page).into_response()
}

pub(super) async fn no_page() -> Response {
    not_found()
}
