//! The protocol as streamable HTTP, on this machine alone.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use super::args::Mcp;
use super::host::{Host, random};
use super::presence::{self, Presence};
use super::replies::Refusal;
use super::server::Server;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::terminal::note;

const VARIABLE: &str = "SESSIONWIRE_MCP_TOKEN";
/// The fewest characters of a token.
const SHORTEST: usize = 16;

/// Serves clients that send the token, until a signal comes.
pub(super) async fn serve(
    host: &Arc<Host>,
    port: u16,
    args: &Mcp,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let (token, is_new) = token(args)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.map_err(|why| {
        Failure::Local(format!(
            "The server cannot listen on {address}: {why}. Name another port with --http, or 0 for any that is free."
        ))
    })?;
    let address = listener.local_addr().unwrap_or(address);
    note(&format!(
        "The MCP server listens on http://{address}/mcp. Ctrl-C ends it."
    ));
    if is_new {
        note(&format!(
            "Clients send the header: Authorization: Bearer {token}"
        ));
    }
    // The names of this machine are allowed by default. Pages of the web are not: what a browser
    // sends has an origin.
    let config = StreamableHttpServerConfig::default().with_allowed_origins([
        "http://localhost:*",
        "http://127.0.0.1:*",
        "http://[::1]:*",
    ]);
    let all = config.cancellation_token.clone();
    let mut connections = LocalSessionManager::default();
    // One that says nothing for as long as a task may take is gone.
    connections.session_config.keep_alive = Some(host.limits.life());
    let of_connections = host.clone();
    let connections = Arc::new(connections);
    let presence = Presence::new(connections.clone(), host.limits.client_grace);
    let service = StreamableHttpService::new(
        move || Ok(Server::new(of_connections.clone())),
        connections,
        config,
    );
    let router = Router::new()
        .route_service("/mcp", service)
        .layer(from_fn_with_state(presence, presence::watch))
        .layer(from_fn_with_state(Arc::<str>::from(token), only_with_token));
    tokio::select! {
        why = accept(listener, router) => {
            Err(Failure::Local(format!("The server cannot go on: {why}. Start it again.")))
        }
        () = interrupt.wait() => {
            // Calls that wait end with their tasks, and their answers are written.
            host.close().await;
            all.cancel();
            Ok(())
        }
    }
}

/// Takes connections, for HTTP/1.1 alone, until the machine gives none.
async fn accept(listener: TcpListener, router: Router) -> io::Error {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // It was gone before it was taken.
            Err(why) if why.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(why) => return why,
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A client that leaves in the middle is no news.
            let _ = served.await;
        });
    }
}

/// The token of the user, or a new one.
fn token(args: &Mcp) -> Result<(String, bool), Failure> {
    let (token, from) = match (&args.token_file, std::env::var(VARIABLE)) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file).map_err(|why| {
                Failure::Usage(format!(
                    "--token-file {}: {why}. Name a file with the token in it.",
                    file.display()
                ))
            })?;
            (text.trim().to_owned(), "--token-file")
        }
        (None, Ok(token)) if !token.is_empty() => (token, VARIABLE),
        _ => {
            let token = random().map_err(|Refusal(why)| Failure::Local(why))?;
            return Ok((token, true));
        }
    };
    let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    if token.len() < SHORTEST || !is_plain {
        return Err(Failure::Usage(format!(
            "The token of {from} is none: give at least {SHORTEST} letters, digits and signs without spaces, such as \
             `openssl rand -hex 16` prints."
        )));
    }
    Ok((token, false))
}

async fn only_with_token(State(token): State<Arc<str>>, request: Request, next: Next) -> Response {
    if bearer(request.headers()).is_some_and(|given| is_same(given, &token)) {
        return next.run(request).await;
    }
    let challenge = [(WWW_AUTHENTICATE, "Bearer")];
    let text = "The token is missing, or another one. Send the header: Authorization: Bearer TOKEN. `sessionwire mcp` \
                printed the token to standard error, or was given it.\n";
    (StatusCode::UNAUTHORIZED, challenge, text).into_response()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// In a time that does not tell how much of it is right.
fn is_same(given: &str, token: &str) -> bool {
    let differs = given.bytes().zip(token.bytes());
    let differs = differs.fold(0, |differs, (given, right)| differs | (given ^ right));
    given.len() == token.len() && differs == 0
}
