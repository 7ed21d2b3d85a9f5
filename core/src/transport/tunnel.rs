//! A tunnel through an HTTP proxy, for the handshake of a plain `ws://` socket
//! (RFC 6455, section 4.1): a proxy that forwards a request drops its `Upgrade`,
//! which is for one hop, and logs its URL, which holds the key. Everything else
//! goes the HTTP client's own way.

use std::error::Error;
use std::time::Duration;

use http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper::upgrade::Upgraded;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

use super::pool::OUR_NAME;
use super::retry::Failure;
use crate::config::ClientConfig;

/// A proxy, and the place behind it.
pub(super) struct Tunnel {
    proxy: Intercept,
    /// Host and port.
    target: String,
}

/// Why there is no response.
pub(super) struct Broken {
    pub(super) failure: Failure,
    pub(super) detail: String,
}

impl Tunnel {
    /// The tunnel that a handshake at this address needs, if it needs one. TLS
    /// has the HTTP client's; a proxy that is spoken to by TLS is left to it,
    /// too, and must pass WebSockets on.
    pub(super) fn needed(config: &ClientConfig, url: &Url) -> Option<Self> {
        let proxy = config
            .proxy
            .as_ref()
            .filter(|proxy| proxy.scheme() == "http" && url.scheme() == "http")?;
        // The HTTP client reads both in the same way.
        let matcher = Matcher::builder()
            .all(proxy.as_str())
            .no(config.no_proxy.as_deref().unwrap_or_default())
            .build();
        let address: Uri = url.as_str().parse().ok()?;
        Some(Self {
            proxy: matcher.intercept(&address)?,
            target: format!("{}:{}", url.host_str()?, url.port_or_known_default()?),
        })
    }

    /// Sends a GET and reads the response's head; `limit` is for the tunnel.
    pub(super) async fn get(
        &self,
        url: &Url,
        mut headers: HeaderMap,
        limit: Duration,
    ) -> Result<reqwest::Response, Broken> {
        let not_sent = |detail| Broken {
            failure: Failure::NotSent,
            detail,
        };
        let tunnel = tokio::time::timeout(limit, self.open())
            .await
            .unwrap_or_else(|_| Err("the proxy opened no tunnel in time".to_owned()))
            .map_err(not_sent)?;
        let host = match url.port() {
            Some(_) => &self.target,
            None => url.host_str().unwrap_or_default(),
        };
        headers.insert(USER_AGENT, HeaderValue::from_static(OUR_NAME));
        let mut request = Request::get(&url[url::Position::BeforePath..url::Position::AfterQuery])
            .header(HOST, host)
            .body(String::new())
            .map_err(|error| not_sent(error.to_string()))?;
        request.headers_mut().extend(headers);
        let response = exchange(tunnel, request).await.map_err(|detail| Broken {
            failure: Failure::Broken,
            detail,
        })?;
        Ok(response.map(reqwest::Body::wrap).into())
    }

    async fn open(&self) -> Result<Upgraded, String> {
        let proxy = self.proxy.uri();
        let host = proxy.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let socket = TcpStream::connect((host, proxy.port_u16().unwrap_or(80)))
            .await
            .map_err(|error| error.to_string())?;
        // A frame shall leave at once; without it the socket still works.
        let _ = socket.set_nodelay(true);
        let mut request = Request::connect(self.target.as_str())
            .header(HOST, self.target.as_str())
            .header(USER_AGENT, OUR_NAME);
        if let Some(user) = self.proxy.basic_auth() {
            request = request.header(PROXY_AUTHORIZATION, user);
        }
        let request = request
            .body(String::new())
            .map_err(|error| error.to_string())?;
        let answer = exchange(TokioIo::new(socket), request).await?;
        let status = answer.status();
        if !status.is_success() {
            let advice = match status.as_u16() {
                407 => ". Give its user and password in its address",
                _ => "",
            };
            return Err(format!(
                "the proxy answered {} instead of opening a tunnel (CONNECT){advice}",
                status.as_u16()
            ));
        }
        hyper::upgrade::on(answer)
            .await
            .map_err(|error| cause(&error))
    }
}

/// One request over a connection, which may become another protocol's.
async fn exchange(
    connection: impl Read + Write + Unpin + Send + 'static,
    request: Request<String>,
) -> Result<Response<Incoming>, String> {
    let (mut sender, connection) = http1::handshake(connection)
        .await
        .map_err(|error| cause(&error))?;
    // It ends with the response, or with whoever takes it over.
    tokio::spawn(connection.with_upgrades());
    sender
        .send_request(request)
        .await
        .map_err(|error| cause(&error))
}

/// The innermost cause, as for the HTTP client's errors.
fn cause(error: &hyper::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use url::Url;

    use super::Tunnel;
    use crate::config::{ClientConfig, ClientOptions};

    fn target(proxy: &str, address: &str) -> Option<String> {
        let options = ClientOptions {
            api_key: Some(crate::Secret::new("some-key")),
            proxy: Some(proxy.to_owned()),
            ..ClientOptions::default()
        };
        let config = ClientConfig::resolve_with(options, &|_| None).expect("options");
        let url = Url::parse(address).expect("a URL");
        Tunnel::needed(&config, &url).map(|tunnel| tunnel.target)
    }

    #[test]
    fn a_tunnel_leads_to_a_host_and_a_port() {
        for (address, to) in [
            ("http://a.example/ws", "a.example:80"),
            ("http://a.example:8080/ws?x=1", "a.example:8080"),
            ("http://[::1]/ws", "[::1]:80"),
            ("http://[::1]:9/ws", "[::1]:9"),
        ] {
            let found = target("http://proxy.example:3128", address);
            assert_eq!(found.as_deref(), Some(to), "{address}");
        }
    }

    #[test]
    fn what_is_encrypted_is_left_to_the_http_client() {
        assert_eq!(target("http://proxy.example", "https://a.example/"), None);
        assert_eq!(target("https://proxy.example", "http://a.example/"), None);
    }
}
