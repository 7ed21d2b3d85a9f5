//! The endpoints, but for the upload and the WebSocket.

use super::session::{self, NoTurn, Session};
use super::validate::{self, SortBy};
use super::{Caller, RETRY_AFTER, no_message, no_session};
use crate::clock::new_uuid;
use crate::errors::{ApiError, json_response};
use axum::body::Bytes;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::sync::Arc;

type Answer = Result<Response, ApiError>;

fn ok(body: &Value) -> Answer {
    Ok(json_response(StatusCode::OK, body.to_string()))
}

fn success(text: &str) -> Answer {
    ok(&json!({ "success": true, "message": text }))
}

fn find(caller: &Caller, session_id: &str) -> Result<Arc<Session>, ApiError> {
    caller
        .account(|account| account.get(session_id))
        .ok_or_else(no_session)
}

/// `POST /sessions/new`
pub(super) async fn start_turn(caller: Caller, body: Bytes) -> Result<Response, Response> {
    let request = validate::start_turn(&body).map_err(IntoResponse::into_response)?;
    let server = &caller.server;
    let id = request.session_id.clone();
    let begun = caller.account(|account| {
        let known = account.get(&id);
        let is_new = known.is_none();
        let session = known.unwrap_or_else(|| {
            let number = account.count();
            let (owner, clock) = (account.owner.clone(), server.options.clock);
            Arc::new(Session::new(number, &id, owner, &request.prompt, clock))
        });
        let number = account.count();
        account.count();
        let begun = session.begin(request, number)?;
        if is_new {
            account.add(session.clone());
        }
        Ok((session, begun))
    });
    let (session, begun) = match begun {
        Ok(begun) => begun,
        Err(NoTurn::InProgress) => {
            return Err(ApiError::new(StatusCode::CONFLICT, "turn_in_progress").into_response());
        }
        Err(NoTurn::Full) => return Err(too_many(server.options.max_turns)),
    };
    let (status, message) = if begun.queue_position == 0 {
        session::run(server, &session, begun.index);
        ("running", "The turn has started")
    } else {
        ("queued", "The turn waits for its place")
    };
    let workflow = new_uuid();
    ok(&json!({
        "session_id": id,
        "workflow_id": format!("wf_{}", &workflow[..8]),
        "status": status,
        "message": message,
        "queue_position": begun.queue_position,
        "user_message_id": begun.user_message_id,
        "agent_message_id": begun.agent_message_id,
    }))
    .map_err(IntoResponse::into_response)
}

fn too_many(most: usize) -> Response {
    let detail = format!("Rate limit exceeded: {most} turns run at once");
    let mut response = ApiError::new(StatusCode::TOO_MANY_REQUESTS, detail).into_response();
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// `GET /sessions`
pub(super) async fn list(caller: Caller, RawQuery(query): RawQuery) -> Answer {
    let query = validate::list(&query.unwrap_or_default())?;
    let mut sessions: Vec<_> = caller.account(|account| {
        let all = account.sessions();
        all.map(|session| (session.clone(), session.listed()))
            .filter(|(_, listed)| listed.title.to_lowercase().contains(&query.search))
            .collect()
    });
    sessions.sort_by(|(a, listed_a), (b, listed_b)| {
        let by = match query.by {
            SortBy::Updated => listed_a.updated_at.cmp(&listed_b.updated_at),
            SortBy::Created => a.created_at.cmp(&b.created_at),
            SortBy::Title => listed_a.title.cmp(&listed_b.title),
        };
        let by = match by {
            Ordering::Equal => a.number.cmp(&b.number),
            by => by,
        };
        if query.ascending { by } else { by.reverse() }
    });
    let count = sessions.len() as u64;
    let skipped = usize::try_from((query.page - 1).saturating_mul(query.limit));
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let page: Vec<_> = sessions
        .into_iter()
        .skip(skipped.unwrap_or(usize::MAX))
        .take(limit)
        .map(|(_, listed)| listed.object)
        .collect();
    ok(&json!({
        "sessions": page,
        "meta": {
            "total_count": count,
            "total_pages": count.div_ceil(query.limit),
            "current_page": query.page,
        },
    }))
}

/// `GET /sessions/{session_id}`
pub(super) async fn history(caller: Caller, Path(session_id): Path<String>) -> Answer {
    let body = find(&caller, &session_id)?.history();
    Ok(json_response(StatusCode::OK, body))
}

/// `PUT /sessions/{session_id}/title`
pub(super) async fn rename(caller: Caller, Path(session_id): Path<String>, body: Bytes) -> Answer {
    let session = find(&caller, &session_id)?;
    session.rename(&validate::title(&body)?);
    success("Title updated")
}

/// `DELETE /sessions/{session_id}`
pub(super) async fn delete(caller: Caller, Path(session_id): Path<String>) -> Answer {
    let session = caller
        .account(|account| account.remove(&session_id))
        .ok_or_else(no_session)?;
    session.delete(&caller.server);
    success("Session deleted")
}

/// `DELETE /message/{message_id}/abort`
pub(super) async fn abort(caller: Caller, Path(message_id): Path<String>) -> Answer {
    let turn = caller.account(|account| {
        account
            .sessions()
            .find_map(|session| Some((session.clone(), session.turn(&message_id)?)))
    });
    let (session, index) = turn.ok_or_else(no_message)?;
    match session.abort(&caller.server, index, "Stopped by the user") {
        Ok(()) => success("The turn was stopped"),
        Err(_) => success("The turn has ended already"),
    }
}
