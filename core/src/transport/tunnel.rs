//! A tunnel through an HTTP proxy, for the handshake of a plain `ws://` socket
//! (RFC 6455, section 4.1): a proxy that forwards a request drops its `Upgrade`,
//! which is for one hop, and logs its URL, which holds the key. Everything else
//! goes the HTTP client's own way.

use std::error::Error;
use std::fmt;
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
use crate::runtime;

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
        Self::through(proxy, url)
    }

    fn through(proxy: &Url, url: &Url) -> Option<Self> {
        // The HTTP client reads it in the same way.
        let matcher = Matcher::builder().all(proxy.as_str()).build();
        let address: Uri = url.as_str().parse().ok()?;
        Some(Self {
            proxy: matcher.intercept(&address)?,
            target: format!("{}:{}", url.host_str()?, url.port_or_known_default()?),
        })
    }

    /// Why the HTTP client got no tunnel, which it does not say: the proxy is
    /// asked once more. Nothing where that works now, or cannot be known.
    pub(super) async fn refusal(config: &ClientConfig, url: &Url) -> Option<Refusal> {
        let proxy = config.proxy.as_ref()?;
        if proxy.scheme() != "http" || url.scheme() != "https" {
            return None;
        }
        let tunnel = Self::through(proxy, url)?;
        let opened = tokio::time::timeout(config.connect_timeout, tunnel.open());
        match opened.await {
            Ok(Err(NoTunnel::Refused(refusal))) => Some(refusal),
            _ => None,
        }
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
            .unwrap_or_else(|_| {
                Err(NoTunnel::Broken(
                    "the proxy opened no tunnel in time".to_owned(),
                ))
            })
            .map_err(|none| not_sent(none.to_string()))?;
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
        let response = exchange(Box::new(tunnel), request)
            .await
            .map_err(|detail| Broken {
                failure: Failure::Broken,
                detail,
            })?;
        Ok(response.map(reqwest::Body::wrap).into())
    }

    async fn open(&self) -> Result<Upgraded, NoTunnel> {
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
        let answer = exchange(Box::new(TokioIo::new(socket)), request).await?;
        let status = answer.status();
        if !status.is_success() {
            return Err(NoTunnel::Refused(Refusal(status.as_u16())));
        }
        hyper::upgrade::on(answer)
            .await
            .map_err(|error| NoTunnel::Broken(cause(&error)))
    }
}

/// Why there is no tunnel.
enum NoTunnel {
    Refused(Refusal),
    Broken(String),
}

impl From<String> for NoTunnel {
    fn from(why: String) -> Self {
        Self::Broken(why)
    }
}

impl fmt::Display for NoTunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Broken(why) => f.write_str(why),
        }
    }
}

/// The status that a proxy answered instead of opening a tunnel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal(pub(super) u16);

impl Refusal {
    /// Whether it would be the same the next time.
    pub(super) fn is_final(self) -> bool {
        (400..500).contains(&self.0) && !matches!(self.0, 408 | 425 | 429)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = match self.0 {
            407 => {
                ": it wants authorization. Give its user and password in its address, percent-encoded"
            }
            401 | 403 | 405 => {
                ": it does not allow this host. Ask who runs it, or exempt the host with NO_PROXY"
            }
            500.. => {
                ": it cannot reach the host. Check the base URL, or exempt the host with NO_PROXY"
            }
            _ => "",
        };
        let status = self.0;
        write!(
            f,
            "the proxy answered {status} instead of opening a tunnel (CONNECT){advice}"
        )
    }
}

trait Socket: Read + Write + Unpin + Send {}

impl<T: Read + Write + Unpin + Send> Socket for T {}

/// One request over a connection, which may become another protocol's. One type of
/// connection: HTTP would be there a second time for the other.
async fn exchange(
    connection: Box<dyn Socket>,
    request: Request<String>,
) -> Result<Response<Incoming>, String> {
    let (mut sender, connection) = http1::handshake(connection)
        .await
        .map_err(|error| cause(&error))?;
    // It ends with the response, or with whoever takes it over.
    runtime::spawn(async move { drop(connection.with_upgrades().await) });
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
