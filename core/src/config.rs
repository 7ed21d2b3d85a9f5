//! Configuration: plain data from which a client is (re)built.
//!
//! This is the only place that reads the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::{Error, Result};
use crate::setters::setters;
use crate::transport::{Roots, Secret, proxies};

/// Which service a client speaks to: where its configuration comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Service {
    /// The AGI Agent Sessions API: `AGI_API_KEY`, `AGI_BASE_URL`.
    Agi,
    /// The Raccoon AI Agents API: `RACCOON_API_KEY`, `RACCOON_BASE_URL`.
    Raccoon,
}

impl Service {
    const fn key_variable(self) -> &'static str {
        match self {
            Self::Agi => "AGI_API_KEY",
            Self::Raccoon => "RACCOON_API_KEY",
        }
    }

    pub(crate) const fn url_variable(self) -> &'static str {
        match self {
            Self::Agi => "AGI_BASE_URL",
            Self::Raccoon => "RACCOON_BASE_URL",
        }
    }

    const fn default_url(self) -> &'static str {
        match self {
            Self::Agi => "https://api.agi.tech/v1",
            Self::Raccoon => "https://api.raccoonai.tech",
        }
    }

    /// What every path begins with, below a gateway's own prefix.
    const fn version(self) -> &'static str {
        match self {
            Self::Agi => "/v1",
            Self::Raccoon => "",
        }
    }

    /// What the path of a request follows, in words.
    pub(crate) const fn path_follows(self) -> &'static str {
        match self {
            Self::Agi => "/v1",
            Self::Raccoon => "the base URL",
        }
    }

    /// The first wait after a failure, or a limit, that names none
    /// (docs/spec/agi.md, section 3; docs/spec/raccoon.md, section 6).
    pub(crate) const fn first_wait(self, limited: bool) -> Duration {
        match (self, limited) {
            (Self::Raccoon, true) => Duration::from_secs(1),
            _ => Duration::from_millis(500),
        }
    }
}

/// What a caller may set; everything unset comes from the environment or the
/// default.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ClientOptions {
    /// The API key. Default: the environment variable `AGI_API_KEY`, or
    /// `RACCOON_API_KEY` for Raccoon.
    #[serde(skip_serializing)]
    pub api_key: Option<Secret>,
    /// The service's address, with or without `/v1`, or a gateway's address
    /// with a path prefix. Default: `AGI_BASE_URL`, else
    /// `https://api.agi.tech/v1`; for Raccoon `RACCOON_BASE_URL`, else
    /// `https://api.raccoonai.tech`.
    pub base_url: Option<String>,
    /// Deadline of one call, over all its retries and waits. Default: 60 s.
    #[serde(with = "crate::seconds::timeout")]
    pub timeout: Option<Duration>,
    /// Limit for opening a connection. Default: 10 s.
    #[serde(with = "crate::seconds::connect_timeout")]
    pub connect_timeout: Option<Duration>,
    /// How many times a failed request is tried again where that is safe.
    /// Default: 3; 0 turns retries off.
    pub max_retries: Option<u32>,
    /// How long a call may wait, within its deadline, for the service's
    /// limits (429, or 503 with the limit text) to end. Default: a limit is
    /// tried again like any other failure, `max_retries` times; 0: it is an
    /// error at once.
    #[serde(with = "crate::seconds::wait_for_limit")]
    pub wait_for_limit: Option<Duration>,
    /// A proxy for every request: `http`, `https`, `socks5`, `socks5h`, `socks4` or
    /// `socks4a`. Default: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`;
    /// loopback is never proxied unless this is set.
    pub proxy: Option<String>,
    /// A PEM file with the certificates to trust, instead of the system's: those
    /// of authorities, or the service's own. Default: the file of `SSL_CERT_FILE`,
    /// `REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`, the first that is set, else the
    /// system's; `NODE_EXTRA_CA_CERTS` adds to the first and the last.
    pub ca_file: Option<String>,
    /// Headers added to every request.
    pub headers: BTreeMap<String, String>,
    /// Allows `http://` to a host that is not loopback.
    pub allow_insecure_http: bool,
    /// AGI only: a file in which the sessions are noted that this process creates and
    /// deletes, so that [`Sessions::reap`](crate::agi::Sessions::reap) finds what a dead
    /// process left. Default: `SESSIONWIRE_LEDGER`, else none.
    pub ledger: Option<String>,
}

/// What `with_options` may change on a copy of a client.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OptionChanges {
    /// New deadline of one call.
    #[serde(with = "crate::seconds::timeout")]
    pub timeout: Option<Duration>,
    /// New number of retries.
    pub max_retries: Option<u32>,
    /// New wait for limits.
    #[serde(with = "crate::seconds::wait_for_limit")]
    pub wait_for_limit: Option<Duration>,
    /// Headers to add or replace.
    pub headers: BTreeMap<String, String>,
}

/// The variable with the address of a test's emulator. The test helpers set it, so that a program that a test starts cannot
/// reach the service either, whatever it makes of the other variables.
const TEST_EMULATOR: &str = "SESSIONWIRE_TEST_EMULATOR";

/// Checked configuration of one client.
#[derive(Clone)]
pub struct ClientConfig {
    pub(crate) service: Service,
    /// The API key.
    pub(crate) api_key: Secret,
    /// Whether the key came from the environment: such a key is not pickled.
    pub(crate) key_from_env: bool,
    /// Ends in the service's version and has no trailing slash.
    pub(crate) base_url: Url,
    /// Whether the caller passed the address: else it is the environment's, or
    /// the default.
    pub(crate) address_given: bool,
    /// The emulator of the test that started this process, or in which the client was made.
    pub(crate) test_emulator: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_retries: u32,
    /// `None`: a limit is a failure like any other.
    pub(crate) wait_for_limit: Option<Duration>,
    pub(crate) proxy: Option<Url>,
    /// Whom to trust.
    pub(crate) roots: Roots,
    pub(crate) headers: http::HeaderMap,
    /// Where sessions are noted.
    pub(crate) ledger: Option<PathBuf>,
}

impl ClientOptions {
    /// The defaults: everything comes from the environment.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header to every request.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }
}

setters!(ClientOptions {
    api_key?: into Secret,
    base_url?: into String,
    timeout?: Duration,
    connect_timeout?: Duration,
    max_retries?: u32,
    wait_for_limit?: Duration,
    proxy?: into String,
    ca_file?: into String,
    headers: BTreeMap<String, String>,
    allow_insecure_http: bool,
    ledger?: into String,
});

impl OptionChanges {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }
}

setters!(OptionChanges {
    timeout?: Duration,
    max_retries?: u32,
    wait_for_limit?: Duration,
    headers: BTreeMap<String, String>,
});

// A header may carry a token and an address a password: names and hosts are
// shown, values and users are not.

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base_url = self.base_url.as_deref().map(without_user);
        let proxy = self.proxy.as_deref().map(without_user);
        f.debug_struct("ClientOptions")
            .field("api_key", &self.api_key)
            .field("base_url", &base_url)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_retries", &self.max_retries)
            .field("wait_for_limit", &self.wait_for_limit)
            .field("proxy", &proxy)
            .field("ca_file", &self.ca_file)
            .field("headers", &self.headers.keys())
            .field("allow_insecure_http", &self.allow_insecure_http)
            .field("ledger", &self.ledger)
            .finish()
    }
}

impl fmt::Debug for OptionChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptionChanges")
            .field("timeout", &self.timeout)
            .field("max_retries", &self.max_retries)
            .field("wait_for_limit", &self.wait_for_limit)
            .field("headers", &self.headers.keys())
            .finish()
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxy = self.proxy.as_ref().map(|url| without_user(url.as_str()));
        let names: Vec<_> = self.headers.keys().map(|name| name.as_str()).collect();
        f.debug_struct("ClientConfig")
            .field("api_key", &self.api_key)
            .field("key_from_env", &self.key_from_env)
            .field("base_url", &self.base_url())
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_retries", &self.max_retries)
            .field("wait_for_limit", &self.wait_for_limit)
            .field("proxy", &proxy)
            .field("roots", &self.roots)
            .field("headers", &names)
            .field("ledger", &self.ledger)
            .finish()
    }
}

/// An address without the user and password that it may carry.
pub(crate) fn without_user(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, place)| place)
}

/// How to find one environment variable.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Longest duration accepted, so that adding it to a clock cannot overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

impl ClientConfig {
    /// Completes the `options` of an AGI client from the process environment and
    /// checks them.
    ///
    /// # Errors
    /// `Config`: a key is missing, or a value is of no use.
    pub fn resolve(options: ClientOptions) -> Result<Self> {
        Self::resolve_with(options, &environment)
    }

    /// The same with an environment of the caller's choice.
    ///
    /// # Errors
    /// `Config`: a key is missing, or a value is of no use.
    pub fn resolve_with(options: ClientOptions, env: Lookup<'_>) -> Result<Self> {
        Self::resolve_for(Service::Agi, options, env)
    }

    /// The same for a client of either service.
    pub(crate) fn resolve_for(
        service: Service,
        options: ClientOptions,
        env: Lookup<'_>,
    ) -> Result<Self> {
        let everything = env;
        let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let (api_key, key_from_env) = match options.api_key {
            Some(key) => (key, false),
            None => (
                env(service.key_variable())
                    .map(Secret::new)
                    .ok_or_else(|| {
                        Error::config(format!(
                            "No API key. Set the environment variable {} or pass `api_key`; \
                         to try without a key, use the Emulator",
                            service.key_variable()
                        ))
                    })?,
                true,
            ),
        };
        check_key(service, &api_key)?;
        let address_given = options.base_url.is_some();
        let base_url = match options.base_url {
            Some(text) => parse_base_url(service, &text, "`base_url`")?,
            None => match env(service.url_variable()) {
                Some(text) => parse_base_url(service, &text, service.url_variable())?,
                None => parse_base_url(service, service.default_url(), "the default")?,
            },
        };
        check_encrypted(
            &base_url,
            "The base URL",
            "http",
            options.allow_insecure_http,
        )?;
        let proxy = proxies::choose(options.proxy.as_deref(), &base_url, everything)?;
        check_hop(&base_url, proxy.as_ref(), options.allow_insecure_http)?;
        let encrypted = uses_tls(&base_url, proxy.as_ref());
        let roots = Roots::resolve(options.ca_file.as_deref(), encrypted, &env)?;
        let ledger = ledger_path(service, options.ledger, &env)?;
        let test_emulator = env(TEST_EMULATOR).filter(|_| !address_given);
        Ok(Self {
            service,
            ledger,
            api_key,
            key_from_env,
            base_url,
            address_given,
            test_emulator,
            timeout: positive(
                "timeout",
                options.timeout.unwrap_or(Duration::from_secs(60)),
            )?,
            connect_timeout: positive(
                "connect_timeout",
                options.connect_timeout.unwrap_or(Duration::from_secs(10)),
            )?,
            max_retries: options.max_retries.unwrap_or(3),
            wait_for_limit: options.wait_for_limit.map(|wait| wait.min(LONGEST)),
            proxy,
            roots,
            headers: parse_headers(&options.headers)?,
        })
    }

    /// A copy with some values changed.
    ///
    /// # Errors
    /// `Config` for a value of no use.
    pub fn changed(&self, changes: OptionChanges) -> Result<Self> {
        let mut config = self.clone();
        if let Some(timeout) = changes.timeout {
            config.timeout = positive("timeout", timeout)?;
        }
        if let Some(max_retries) = changes.max_retries {
            config.max_retries = max_retries;
        }
        if let Some(wait) = changes.wait_for_limit {
            config.wait_for_limit = Some(wait.min(LONGEST));
        }
        config.headers.extend(parse_headers(&changes.headers)?);
        Ok(config)
    }

    /// The same for another address of the service, such as that of its
    /// WebSockets: with what the options and the environment say about it.
    pub(crate) fn at(&self, address: &AtAddress<'_>, env: Lookup<'_>) -> Result<Self> {
        let base_url = parse_base_url(self.service, &address.url, address.source)?;
        check_encrypted(&base_url, address.source, "ws", address.allow_insecure_http)?;
        let proxy = proxies::choose(address.proxy, &base_url, env)?;
        check_hop(&base_url, proxy.as_ref(), address.allow_insecure_http)?;
        let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let encrypted = uses_tls(&base_url, proxy.as_ref());
        let roots = Roots::resolve(address.ca_file, encrypted, &env)?;
        Ok(Self {
            base_url,
            proxy,
            roots,
            ..self.clone()
        })
    }

    /// Whether anything on the way to the service is encrypted.
    pub(crate) fn uses_tls(&self) -> bool {
        uses_tls(&self.base_url, self.proxy.as_ref())
    }

    /// The service's address; an AGI client's ends in `/v1`.
    pub fn base_url(&self) -> &str {
        self.base_url.as_str().trim_end_matches('/')
    }

    /// The proxy of every request, without the user that it may name.
    pub fn proxy_address(&self) -> Option<&str> {
        self.proxy.as_ref().map(|url| without_user(url.as_str()))
    }

    /// Deadline of one call.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How long a call may wait for the service's limits; `None`: a limit is a
    /// failure like any other.
    pub fn wait_for_limit(&self) -> Option<Duration> {
        self.wait_for_limit
    }

    /// Whether the key was read from the environment.
    pub fn key_from_env(&self) -> bool {
        self.key_from_env
    }
}

/// Where the ledger is, wherever the process goes later.
fn ledger_path(
    service: Service,
    given: Option<String>,
    env: Lookup<'_>,
) -> Result<Option<PathBuf>> {
    const VARIABLE: &str = "SESSIONWIRE_LEDGER";
    if service == Service::Raccoon {
        return match given {
            Some(_) => Err(Error::config(
                "`ledger` is for AGI: a session of Raccoon is a workspace that stays until you delete it. Leave it out",
            )),
            None => Ok(None),
        };
    }
    let source = if given.is_some() {
        "`ledger`"
    } else {
        VARIABLE
    };
    let Some(path) = given.or_else(|| env(VARIABLE)) else {
        return Ok(None);
    };
    match std::path::absolute(&path) {
        Ok(path) => Ok(Some(path)),
        Err(why) => Err(Error::config(format!(
            "{source} is {path:?}, which is no path: {why}. Name a file, or leave it out"
        ))),
    }
}

/// A duration from a caller, checked.
fn positive(name: &str, value: Duration) -> Result<Duration> {
    if value.is_zero() {
        return Err(Error::config(format!(
            "`{name}` must be a positive number of seconds, not 0"
        )));
    }
    Ok(value.min(LONGEST))
}

/// Another address of a service, and what was said about it.
pub(crate) struct AtAddress<'a> {
    /// With the scheme http or https.
    pub(crate) url: String,
    /// The name of the option or variable that it came from.
    pub(crate) source: &'a str,
    pub(crate) proxy: Option<&'a str>,
    pub(crate) ca_file: Option<&'a str>,
    pub(crate) allow_insecure_http: bool,
}

/// The process environment.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn check_encrypted(url: &Url, source: &str, scheme: &str, allow_insecure_http: bool) -> Result<()> {
    if url.scheme() == "http" && !proxies::is_loopback(url) && !allow_insecure_http {
        return Err(Error::config(format!(
            "{source} {scheme}://{} would send the API key unencrypted. Use {scheme}s://, or pass \
             `allow_insecure_http=True` if this network is yours",
            url.host_str().unwrap_or_default()
        )));
    }
    Ok(())
}

fn uses_tls(url: &Url, proxy: Option<&Url>) -> bool {
    url.scheme() == "https" || proxy.is_some_and(|proxy| proxy.scheme() == "https")
}

/// A proxy on another machine takes what is not encrypted beyond this one.
fn check_hop(url: &Url, proxy: Option<&Url>, allow_insecure_http: bool) -> Result<()> {
    let Some(proxy) = proxy.filter(|proxy| !proxies::is_loopback(proxy)) else {
        return Ok(());
    };
    if url.scheme() == "http" && !allow_insecure_http {
        return Err(Error::config(format!(
            "The proxy {} would get the API key unencrypted: {} is not https. Leave `proxy` out, use https://, or \
             pass `allow_insecure_http=True` if the network between is yours",
            proxy.host_str().unwrap_or_default(),
            url.host_str().unwrap_or_default()
        )));
    }
    Ok(())
}

fn check_key(service: Service, key: &Secret) -> Result<()> {
    if key.expose().trim().is_empty() {
        return Err(Error::config(format!(
            "The API key is empty. Set {} or pass `api_key`; to try without a key, use the Emulator",
            service.key_variable()
        )));
    }
    if key.header_value().is_none() {
        return Err(Error::config(
            "The API key has a character that no HTTP header can carry (a line break, perhaps). \
             Copy the key again, without spaces or line breaks around it",
        ));
    }
    Ok(())
}

fn parse_base_url(service: Service, text: &str, source: &str) -> Result<Url> {
    let example = service.default_url();
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::config(format!(
            "{source} is empty. Give an address such as {example}, or leave it out"
        )));
    }
    let bad = |why: &str| {
        Error::config(format!(
            "{source} is not usable: {why}. Give an address such as {example}"
        ))
    };
    let mut url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(&format!(
            "its scheme is `{}`, not http or https",
            url.scheme()
        )));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad("it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad(
            "it carries a user name or password; pass the key as `api_key`",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("it has a query or a fragment"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let path = if path.ends_with(service.version()) {
        path
    } else {
        format!("{path}{}", service.version())
    };
    url.set_path(&path);
    Ok(url)
}

fn parse_headers(headers: &BTreeMap<String, String>) -> Result<http::HeaderMap> {
    let mut map = http::HeaderMap::new();
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            Error::config(format!(
                "`headers` has a name that HTTP does not allow: {name:?}"
            ))
        })?;
        if let Some(why) = is_ours(&name) {
            return Err(Error::config(format!(
                "`headers` may not have `{name}`: {why}. Leave it out"
            )));
        }
        let value = http::HeaderValue::from_str(value).map_err(|_| {
            Error::config(format!(
                "The value of the header `{name}` is not allowed in HTTP"
            ))
        })?;
        map.insert(name, value);
    }
    Ok(map)
}

/// Why a caller may not set a header, if that is so: another value would break
/// the connection's framing, or mean another hop (RFC 9110, section 7.6.1).
pub(crate) fn is_ours(name: &http::HeaderName) -> Option<&'static str> {
    match name.as_str() {
        "content-length" | "transfer-encoding" | "trailer" | "content-encoding" => {
            Some("it says where a request ends, or how to read it, and the client knows")
        }
        "connection" | "keep-alive" | "proxy-connection" | "te" | "upgrade" | "expect"
        | "http2-settings" => Some("it is about the connection, which the client looks after"),
        "proxy-authorization" | "proxy-authenticate" => {
            Some("it is for a proxy. Give user and password in the address of `proxy`")
        }
        name if name.starts_with("sec-websocket-") => {
            Some("it belongs to the handshake of a WebSocket, which is the client's")
        }
        _ => None,
    }
}
