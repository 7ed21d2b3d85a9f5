//! Where the emulator listens, and to which names it answers.
//!
//! It listens on this machine alone unless it is told otherwise. That keeps other machines out, but not the web pages
//! in this machine's browser: a page's owner can let the page's own name point to 127.0.0.1 (DNS rebinding), and the
//! browser then takes the emulator for the page's own site. Such a request names that host; it is refused, wherever the
//! emulator listens, unless the name is one of those that it was told.

use crate::errors::ApiError;
use crate::options::{Options, public_url};
use crate::state::Server;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The addresses to listen on, one of which will do.
pub(crate) async fn addresses(options: &Options) -> Result<Vec<SocketAddr>, String> {
    let name = options.host.trim_matches(['[', ']']);
    let found = tokio::net::lookup_host((name, options.port)).await;
    let addresses: Vec<SocketAddr> = found
        .map_err(|error| format!("the host `{name}` is not known here: {error}; use 127.0.0.1"))?
        .collect();
    let remote = addresses.iter().any(|address| !address.ip().is_loopback());
    if remote && !options.allow_remote {
        return Err(format!(
            "with the host {name} other machines could use the emulator, and its agent opens any page it is asked for; \
             set allow_remote if you want that, or leave the host out"
        ));
    }
    Ok(addresses)
}

/// Refuses requests for a host that is not this machine.
pub(crate) async fn guard(
    State(server): State<Arc<Server>>,
    request: Request,
    next: Next,
) -> Response {
    let named = request.headers().get(header::HOST);
    let answers = match named.map(|name| name.to_str()) {
        None => true,
        Some(Ok(name)) => is_own(name, &server.options),
        Some(Err(_)) => false,
    };
    if answers {
        return next.run(request).await;
    }
    tracing::warn!(host = ?named, "refused a request for another host");
    let detail = format!(
        "The emulator answers to localhost and to IP addresses, not to other names: a web page could use one to reach \
         it. Connect to {}, or name the host in allow_hosts",
        server.url
    );
    ApiError::new(StatusCode::MISDIRECTED_REQUEST, detail).into_response()
}

/// Whether a `Host` names this machine: an address, which nobody's name can stand for, a name that is always local, or one
/// that its owner gave it.
fn is_own(host: &str, options: &Options) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']);
    let lower = name.to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok()
        || lower == "localhost"
        || lower.ends_with(".localhost")
        || lower == options.host.to_ascii_lowercase()
        || options
            .public_url
            .as_deref()
            .and_then(|text| public_url(text).ok())
            .is_some_and(|url| url.host_str() == Some(&*lower))
        || options
            .allow_hosts
            .iter()
            .any(|own| own.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_local_names_are_its_own() {
        let options = Options {
            host: "My-Machine".to_owned(),
            allow_hosts: vec!["Build-Server.example".to_owned()],
            public_url: Some("https://Abc.forwarder.example/".to_owned()),
            ..Options::default()
        };
        for (host, own) in [
            ("127.0.0.1:8080", true),
            ("127.0.0.1", true),
            ("[::1]:8080", true),
            ("192.168.1.7:80", true),
            ("localhost:1", true),
            ("LOCALHOST", true),
            ("app.localhost:1", true),
            ("my-machine:1", true),
            ("build-server.example:80", true),
            ("abc.forwarder.example", true),
            ("other.forwarder.example", false),
            ("evil.example:8080", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("notlocalhost", false),
            ("", false),
            ("a b", false),
        ] {
            assert_eq!(is_own(host, &options), own, "{host}");
        }
    }
}
