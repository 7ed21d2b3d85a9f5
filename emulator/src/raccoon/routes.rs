//! The endpoints, but for the upload and the WebSocket.

use super::call::Call;
use super::session::{NoTurn, Session};
use super::validate::{self, SortBy};
use super::{stream, upload, work};
use crate::clock::new_uuid;
use crate::errors::{ApiError, json_response};
use crate::faults::Endpoint;
use crate::middleware::intercept;
use crate::state::Server;
use crate::unknown_route::no_method;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, MatchedPath, Path, RawQuery, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete as delete_route, get, post, put};
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::sync::Arc;

const MAX_CONCURRENT: HeaderName = HeaderName::from_static("x-rate-limit-max-concurrent");
const RETRY_AFTER: HeaderName = HeaderName::from_static("x-rate-limit-retry-after");

/// All endpoints, behind the middleware.
pub(crate) fn router(server: &Arc<Server>) -> Router {
    let session = "/sessions/{session_id}";
    let mut router = Router::new()
        .route("/sessions/new", post(start_turn))
        .route("/sessions", get(list))
        .route(session, get(history).merge(delete_route(delete)))
        .route("/sessions/{session_id}/title", put(rename))
        .route(
            "/media/upload",
            put(upload::upload).layer(DefaultBodyLimit::disable()),
        )
        .route("/ws/sessions/{session_id}", get(stream::connect));
    if server.options.abort_endpoint {
        router = router.route("/message/{message_id}/abort", delete_route(abort));
    }
    router
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(server.clone(), front))
        .with_state(server.clone())
}

async fn front(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let endpoint = Endpoint::of(request.method(), route.map(MatchedPath::as_str));
    let limit = HeaderValue::from(server.options.max_turns);
    let mut response = intercept(&server, request, endpoint, next).await;
    response
        .headers_mut()
        .entry(MAX_CONCURRENT)
        .or_insert(limit);
    response
}

type ApiResult = Result<Response, ApiError>;

fn ok(call: &Call, body: &Value) -> ApiResult {
    let body = body.to_string().into_bytes();
    let body = call.world.dialect().sealed_response(body);
    Ok(json_response(StatusCode::OK, body))
}

fn success(call: &Call, text: &str) -> ApiResult {
    ok(call, &json!({ "success": true, "message": text }))
}

fn find(call: &Call, session_id: &str) -> Result<Arc<Session>, ApiError> {
    call.account(|account| account.get(session_id))
        .ok_or_else(ApiError::no_session)
}

/// `POST /sessions/new`
pub(super) async fn start_turn(call: Call, body: Bytes) -> Result<Response, Response> {
    let server = &call.server;
    let dialect = call.world.dialect();
    let request = validate::start_turn(&body, dialect.prompt.as_deref());
    let request = request.map_err(IntoResponse::into_response)?;
    let id = request.session_id.clone();
    let begun = call.account(|account| {
        let known = account.get(&id);
        let is_new = known.is_none();
        let session = known.unwrap_or_else(|| {
            let number = account.count();
            let (owner, clock) = (account.owner.clone(), call.world.clock());
            let dialect = dialect.clone();
            Arc::new(Session::new(
                number,
                &id,
                owner,
                &request.prompt,
                clock,
                dialect,
            ))
        });
        let number = account.count();
        account.count();
        let begun = session.begin(request, number)?;
        if is_new {
            account.add(session.clone());
        }
        Ok((session, begun))
    });
    let (session, mut begun) = match begun {
        Ok(begun) => begun,
        Err(NoTurn::InProgress) => {
            return Err(ApiError::new(StatusCode::CONFLICT, "turn_in_progress").into_response());
        }
        Err(NoTurn::Full) => return Err(too_many(server.options.max_turns)),
    };
    let (status, message) = if begun.queue_position == 0 {
        ("running", "The turn has started")
    } else {
        ("queued", "The turn waits for its place")
    };
    work::start(server, &call.world, session, &mut begun);
    let workflow = new_uuid();
    let started = dialect.started(json!({
        "session_id": id,
        "workflow_id": format!("wf_{}", &workflow[..8]),
        "status": status,
        "message": message,
        "queue_position": begun.queue_position,
        "user_message_id": begun.user_message_id,
        "agent_message_id": begun.agent_message_id,
    }));
    ok(&call, &started).map_err(IntoResponse::into_response)
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
pub(super) async fn list(call: Call, RawQuery(query): RawQuery) -> ApiResult {
    let query = validate::list(&query.unwrap_or_default())?;
    let mut sessions: Vec<_> = call.account(|account| {
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
    let pages = count.div_ceil(query.limit);
    let dialect = call.world.dialect();
    ok(&call, &dialect.page(page, count, pages, query.page))
}

/// `GET /sessions/{session_id}`
pub(super) async fn history(call: Call, Path(session_id): Path<String>) -> ApiResult {
    let body = find(&call, &session_id)?.history();
    let body = call.world.dialect().sealed_response(body);
    Ok(json_response(StatusCode::OK, body))
}

/// `PUT /sessions/{session_id}/title`
pub(super) async fn rename(call: Call, Path(session_id): Path<String>, body: Bytes) -> ApiResult {
    let session = find(&call, &session_id)?;
    session.rename(&validate::title(&body)?);
    success(&call, "Title updated")
}

/// `DELETE /sessions/{session_id}`
pub(super) async fn delete(call: Call, Path(session_id): Path<String>) -> ApiResult {
    let session = call
        .account(|account| account.remove(&session_id))
        .ok_or_else(ApiError::no_session)?;
    session.delete();
    success(&call, "Session deleted")
}

/// `DELETE /message/{message_id}/abort`
pub(super) async fn abort(call: Call, Path(message_id): Path<String>) -> ApiResult {
    let turn = call.account(|account| {
        account
            .sessions()
            .find_map(|session| Some((session.clone(), session.turn(&message_id)?)))
    });
    let (session, index) = turn.ok_or_else(ApiError::no_message)?;
    match session.abort(index, "Stopped by the user") {
        Ok(()) => success(&call, "The turn was stopped"),
        Err(_) => success(&call, "The turn has ended already"),
    }
}
