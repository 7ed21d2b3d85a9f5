//! The endpoints, but for the stream.

use super::account::{Account, Snapshot};
use super::call::Call;
use super::models::{AGENTS, DESKTOP_AGENTS};
use super::session::{Create, Session};
use super::validate::{self, Fields, Restore, Save};
use super::webhooks::WebhookEvent;
use super::{stream, work};
use crate::errors::{ApiError, json_response};
use crate::faults::Endpoint;
use crate::middleware::intercept;
use crate::screenshot as drawing;
use crate::state::Server;
use crate::sync::lock;
use crate::unknown_route::{no_method, no_route};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete as delete_route, get as get_route, post};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// All endpoints, behind the middleware.
pub(crate) fn router(server: &Arc<Server>) -> Router {
    let session = "/v1/sessions/{session_id}";
    let below = |name: &str| format!("{session}/{name}");
    Router::new()
        .route(
            "/v1/sessions",
            post(create).get(list).merge(delete_route(delete_all)),
        )
        .route(session, get_route(get).merge(delete_route(delete)))
        .route(&below("message"), post(message))
        .route(&below("status"), get_route(status))
        .route(&below("messages"), get_route(messages))
        .route(&below("events"), get_route(stream::events))
        .route(&below("pause"), post(pause))
        .route(&below("resume"), post(resume))
        .route(&below("cancel"), post(cancel))
        .route(&below("navigate"), post(navigate))
        .route(&below("screenshot"), get_route(screenshot))
        .route("/v1/models", get_route(models))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(server.clone(), front))
        .with_state(server.clone())
}

async fn front(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let endpoint = Endpoint::of(request.method(), route.map(MatchedPath::as_str));
    intercept(&server, request, endpoint, next).await
}

type ApiResult = Result<Response, ApiError>;

fn ok(body: &impl Serialize) -> ApiResult {
    match serde_json::to_vec(body) {
        Ok(body) => Ok(json_response(StatusCode::OK, body)),
        Err(error) => Err(ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("Internal error: {error}"),
        )),
    }
}

fn success(text: &str) -> ApiResult {
    ok(&json!({ "success": true, "message": text }))
}

fn deleted(deleted: bool, text: &str) -> ApiResult {
    ok(&json!({ "success": true, "deleted": deleted, "message": text }))
}

/// `POST /sessions`
pub(crate) async fn create(call: Call) -> ApiResult {
    let body = validate::create(&call.fields()?)?;
    let server = &call.server;
    let delay = Duration::from_secs_f64(server.options.init_delay);
    let clock = call.world.clock();
    let limit = server.options.session_limit.unwrap_or(usize::MAX);
    let session = call.account(|account| {
        if account.len() >= limit {
            return Err(ApiError::too_many_sessions());
        }
        let snapshot = match &body.restore {
            None => Snapshot::default(),
            Some(Restore::Session(id) | Restore::Environment(id)) => account
                .snapshot(id)
                .ok_or_else(|| no_snapshot(&format!("`{id}` has no snapshot")))?,
            Some(Restore::Default) => account
                .default_environment()
                .ok_or_else(|| no_snapshot("no default environment was saved"))?,
        };
        let create = Create {
            agent_name: body.agent_name,
            webhook_url: body.webhook_url,
            extras: body.extras,
            live: server.live_link(),
            page: snapshot.page,
            profile: snapshot.browser,
        };
        let session = Session::new(
            create,
            !delay.is_zero(),
            clock,
            &server.browsers,
            &call.world.webhooks,
        );
        let session = Arc::new(session);
        account.add(session.clone());
        Ok(session)
    })?;
    session.notify(&WebhookEvent::Created);
    // As it is now: on a fast clock the delay is over at once.
    let object = session.object();
    if !delay.is_zero() {
        server
            .workers
            .spawn(async move { session.initialized(delay, clock).await });
    }
    ok(&object)
}

fn no_snapshot(what: &str) -> ApiError {
    let detail = format!(
        "Nothing to restore: {what}; save one with save_snapshot_mode when you delete a session"
    );
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
}

/// `GET /sessions`
pub(crate) async fn list(call: Call) -> ApiResult {
    let sessions = call.account(|account| account.list());
    ok(&sessions
        .iter()
        .map(|session| session.object().listed())
        .collect::<Vec<_>>())
}

/// `GET /sessions/{session_id}`
pub(crate) async fn get(call: Call) -> ApiResult {
    ok(&call.session()?.object())
}

/// `DELETE /sessions/{session_id}`
pub(crate) async fn delete(call: Call) -> ApiResult {
    let save = validate::delete(&call.query)?;
    if delete_session(&call.server, call.key(), call.session_id(), Some(save)).await {
        deleted(true, "Session deleted successfully")
    } else {
        deleted(false, "Session not found")
    }
}

/// Destroys a session, and saves what is asked for; false: the key has no such session.
pub(crate) async fn delete_session(
    server: &Arc<Server>,
    key: &str,
    session_id: &str,
    save: Option<Save>,
) -> bool {
    let session = lock(&server.agi)
        .get_mut(key)
        .and_then(|account| account.remove(session_id));
    let Some(session) = session else {
        return false;
    };
    let Some(save) = save.filter(|save| save.snapshot) else {
        session.delete();
        close_browser(server, session);
        return true;
    };
    session.delete();
    let (owner, key) = (server.clone(), key.to_owned());
    let saving = server.workers.finish(async move {
        let mut page = session.page();
        let browser = session.browser.save(&mut page).await;
        if !owner.workers.stop().is_cancelled() {
            let mut accounts = lock(&owner.agi);
            let account = accounts.entry(key).or_default();
            account.save(&session, Snapshot { page, browser }, save.as_default);
        }
    });
    // It goes on also when nobody waits for the response any more.
    if let Err(error) = saving.await {
        tracing::error!(%error, "saving a snapshot failed");
    }
    true
}

/// `DELETE /sessions`
pub(crate) async fn delete_all(call: Call) -> ApiResult {
    let sessions = call.account(Account::remove_all);
    if sessions.is_empty() {
        return deleted(false, "No sessions to delete");
    }
    for session in sessions {
        session.delete();
        close_browser(&call.server, session);
    }
    deleted(true, "Sessions deleted successfully")
}

fn close_browser(server: &Server, session: Arc<Session>) {
    server
        .workers
        .finish(async move { session.browser.close().await });
}

/// `POST /sessions/{session_id}/message`
pub(crate) async fn message(call: Call) -> ApiResult {
    let session = call.session()?;
    let (text, start_url) = validate::message(&call.fields()?)?;
    if let Some(late) = call.late_status {
        session.report_late(late);
    }
    work::deliver(&call.server, &call.world, &session, text, start_url)?;
    success("Message sent successfully")
}

/// The text and the start page in the body of a message.
pub(crate) fn read_message(body: &[u8]) -> Result<(String, Option<String>), ApiError> {
    validate::message(&Fields::parse(body)?)
}

/// `GET /sessions/{session_id}/status`
pub(crate) async fn status(call: Call) -> ApiResult {
    ok(&json!({ "status": call.session()?.reported(call.server.options.extended_status) }))
}

/// `GET /sessions/{session_id}/messages`
pub(crate) async fn messages(call: Call) -> ApiResult {
    let session = call.session()?;
    let (after, sanitize) = validate::messages(&call.query)?;
    Ok(json_response(
        StatusCode::OK,
        session.messages(after, sanitize, call.server.options.extended_status),
    ))
}

/// `POST /sessions/{session_id}/pause`
pub(crate) async fn pause(call: Call) -> ApiResult {
    call.session()?.pause()?;
    success("Session paused successfully")
}

/// `POST /sessions/{session_id}/resume`
pub(crate) async fn resume(call: Call) -> ApiResult {
    call.session()?.resume()?;
    success("Session resumed successfully")
}

/// `POST /sessions/{session_id}/cancel`
pub(crate) async fn cancel(call: Call) -> ApiResult {
    call.session()?.cancel()?;
    success("Session cancelled successfully")
}

/// `POST /sessions/{session_id}/navigate`
pub(crate) async fn navigate(call: Call) -> ApiResult {
    let session = call.session()?;
    let url = validate::navigate(&call.fields()?)?;
    let page = session.browser.open(&url).await?;
    let page = page.opened_by_user();
    let current_url = page.url.clone();
    if !session.show(page) {
        return Err(ApiError::no_session());
    }
    ok(&json!({ "current_url": current_url }))
}

/// `GET /sessions/{session_id}/screenshot`
pub(crate) async fn screenshot(call: Call) -> ApiResult {
    let picture = call.session()?.picture().await?;
    let data = drawing::data_url(&picture.jpeg);
    ok(&json!({ "screenshot": data, "url": picture.url, "title": picture.title }))
}

/// `GET /models`
pub(crate) async fn models(call: Call) -> ApiResult {
    let desktop = validate::models(&call.query)?;
    let wanted =
        |name: &&str| desktop.is_none_or(|desktop| DESKTOP_AGENTS.contains(name) == desktop);
    ok(&json!({ "models": AGENTS.into_iter().filter(|name| wanted(name)).collect::<Vec<_>>() }))
}
