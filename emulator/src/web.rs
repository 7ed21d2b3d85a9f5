//! HTTP to the outside: the pages the browser opens, and webhooks.

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use std::error::Error as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::{Host, Url};

/// How long a page may take, from the first byte sent to the last one read.
const PAGE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(6);
/// How much of a page is read.
const PAGE_LIMIT: usize = 2 * 1024 * 1024;
/// What the browser calls itself.
const USER_AGENT: &str = concat!(
    "Mozilla/5.0 (compatible; sessionwire-emulator/",
    env!("CARGO_PKG_VERSION"),
    ")"
);

/// The clients, each built when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Web {
    /// For pages: direct (to this machine), and through the system's proxy.
    pages: [OnceLock<Result<Client, String>>; 2],
    webhooks: [OnceLock<Result<Client, String>>; 2],
}

/// What came back for a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// After redirects.
    pub(crate) url: Url,
    pub(crate) status: u16,
    /// `404 Not Found`
    pub(crate) status_text: String,
    /// Without parameters, lower-case; empty when the server named none.
    pub(crate) content_type: String,
    /// The text, if it is one.
    pub(crate) text: Option<String>,
}

/// Nothing came back; why, in words that follow "because".
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreachable(pub(crate) String);

impl Web {
    /// The client for a webhook's address. It follows no redirects.
    pub(crate) fn for_webhooks(&self, url: &str) -> Result<&Client, String> {
        let direct = Url::parse(url).is_ok_and(|url| is_loopback(&url));
        client(&self.webhooks, direct, Policy::none)
    }

    /// Fetches a page as a browser would.
    pub(crate) async fn fetch(&self, url: &Url) -> Result<Fetched, Unreachable> {
        let client =
            client(&self.pages, is_loopback(url), || Policy::limited(10)).map_err(Unreachable)?;
        let request = client
            .get(url.clone())
            .header("user-agent", USER_AGENT)
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.5");
        let reading = async { read(request.send().await?).await };
        match tokio::time::timeout(PAGE_TIMEOUT, reading).await {
            Ok(Ok(fetched)) => Ok(fetched),
            Ok(Err(error)) => Err(Unreachable(reason(&error, url))),
            Err(_) => Err(Unreachable(format!(
                "it did not answer within {} seconds",
                PAGE_TIMEOUT.as_secs()
            ))),
        }
    }
}

fn client(
    slots: &[OnceLock<Result<Client, String>>; 2],
    direct: bool,
    redirects: impl FnOnce() -> Policy,
) -> Result<&Client, String> {
    let built = slots[usize::from(direct)].get_or_init(|| {
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls()?.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirects());
        if direct {
            // A proxy cannot reach this machine's own servers.
            builder = builder.no_proxy();
        }
        builder
            .build()
            .map_err(|error| format!("no HTTP client can be made: {error}"))
    });
    built.as_ref().map_err(Clone::clone)
}

/// A client that passes requests on as they are: it follows nothing, and its connections can become WebSockets.
pub(crate) fn relay(direct: bool) -> Result<Client, String> {
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls()?.clone())
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::none())
        .http1_only();
    if direct {
        builder = builder.no_proxy();
    }
    builder
        .build()
        .map_err(|error| format!("no HTTP client can be made: {error}"))
}

/// The program's crypto provider where it chose one, else the one that this crate was built with.
pub(crate) fn provider() -> Result<Arc<CryptoProvider>, String> {
    let chosen = CryptoProvider::get_default().cloned();
    chosen.or_else(built_in).ok_or_else(|| {
        "there is no crypto provider: turn on the feature `ring` or `aws-lc-rs` of the crate sessionwire-emulator"
            .to_owned()
    })
}

#[cfg(feature = "aws-lc-rs")]
fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
fn built_in() -> Option<Arc<CryptoProvider>> {
    None
}

/// TLS with the system's certificates. Without any, plain HTTP still works and every HTTPS server is refused.
fn tls() -> Result<&'static ClientConfig, String> {
    static TLS: OnceLock<Result<ClientConfig, String>> = OnceLock::new();
    let built = TLS.get_or_init(|| {
        let provider = provider()?;
        let builder = || {
            ClientConfig::builder_with_provider(provider.clone())
                .with_safe_default_protocol_versions()
                .map_err(|error| format!("TLS cannot be set up: {error}"))
        };
        let trusting = match builder()?.with_platform_verifier() {
            Ok(trusting) => trusting,
            Err(error) => {
                tracing::warn!(%error, "no system certificates; https pages cannot be opened. Set SSL_CERT_FILE");
                builder()?.with_root_certificates(RootCertStore::empty())
            }
        };
        Ok(trusting.with_no_client_auth())
    });
    built.as_ref().map_err(Clone::clone)
}

async fn read(mut response: Response) -> reqwest::Result<Fetched> {
    let status = response.status();
    let declared = response
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (content_type, parameters) = declared.split_once(';').unwrap_or((declared, ""));
    let content_type = content_type.trim().to_ascii_lowercase();
    let charset = charset(parameters).map(str::to_owned);
    let url = response.url().clone();
    let mut bytes = Vec::new();
    if is_text(&content_type) {
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= PAGE_LIMIT {
                tracing::debug!(%url, "the page is longer than the browser reads");
                break;
            }
        }
    }
    let text = is_text(&content_type).then(|| decode(&bytes, charset.as_deref()));
    let status_text = status.canonical_reason().map_or_else(
        || status.as_u16().to_string(),
        |name| format!("{} {name}", status.as_u16()),
    );
    Ok(Fetched {
        url,
        status: status.as_u16(),
        status_text,
        content_type,
        text,
    })
}

fn is_text(content_type: &str) -> bool {
    content_type.is_empty()
        || content_type.starts_with("text/")
        || content_type.contains("html")
        || content_type.contains("xml")
}

/// The value of `charset=` in a header's parameters or a page's first bytes.
fn charset(text: &str) -> Option<&str> {
    let at = text.to_ascii_lowercase().find("charset=")?;
    let value = text
        .get(at + "charset=".len()..)?
        .trim_start_matches(['"', '\'', ' ']);
    let end = value
        .find(|c: char| !(c.is_ascii_alphanumeric() || "-_:.".contains(c)))
        .unwrap_or(value.len());
    value.get(..end).filter(|name| !name.is_empty())
}

/// Text from bytes: UTF-8 where it is that, else by the header's charset or the one the page names, else
/// what old pages mean without one. The tables of all other encodings would be a fiftieth of the
/// Python package: of those, what is not ASCII is replaced.
fn decode(bytes: &[u8], declared: Option<&str>) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.trim_start_matches('\u{feff}').to_owned();
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]);
    let named = declared.or_else(|| charset(&head)).unwrap_or_default();
    let units = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let pairs = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        String::from_utf16_lossy(&pairs.collect::<Vec<_>>())
    };
    match (bytes, named.to_ascii_lowercase().as_str()) {
        ([0xff, 0xfe, rest @ ..], _) => units(rest, u16::from_le_bytes),
        ([0xfe, 0xff, rest @ ..], _) => units(rest, u16::from_be_bytes),
        (_, "utf-16" | "utf-16le") => units(bytes, u16::from_le_bytes),
        (_, "utf-16be") => units(bytes, u16::from_be_bytes),
        (_, named) if LATIN.contains(&named) => bytes.iter().map(|byte| latin(*byte)).collect(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// How pages name windows-1252, or say nothing.
const LATIN: [&str; 18] = [
    "",
    "ansi_x3.4-1968",
    "ascii",
    "cp1252",
    "cp819",
    "csisolatin1",
    "ibm819",
    "iso-8859-1",
    "iso-ir-100",
    "iso8859-1",
    "iso88591",
    "iso_8859-1",
    "iso_8859-1:1987",
    "l1",
    "latin1",
    "us-ascii",
    "windows-1252",
    "x-cp1252",
];

/// A character of windows-1252, which is what browsers mean by Latin 1.
fn latin(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => FROM_80[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// Why nothing came back, in words.
pub(crate) fn reason(error: &reqwest::Error, url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        causes.push(inner.to_string());
        cause = inner.source();
    }
    let all = causes.join(": ").to_lowercase();
    let last = causes.last().cloned().unwrap_or_else(|| error.to_string());
    if error.is_timeout() {
        format!("{host} did not answer in time")
    } else if all.contains("dns") || all.contains("lookup address") {
        format!("the host name {host} is not known")
    } else if all.contains("certificate") {
        format!(
            "the certificate of {host} is not trusted ({last}); SSL_CERT_FILE can name those to trust"
        )
    } else if all.contains("refused") {
        format!(
            "{host} refused the connection on port {}",
            url.port_or_known_default().unwrap_or_default()
        )
    } else if error.is_redirect() {
        "it redirects too many times".to_owned()
    } else {
        last
    }
}

/// Whether an address is this machine's.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_as_declared_named_or_guessed() {
        assert_eq!(decode("é €".as_bytes(), None), "é €");
        assert_eq!(decode(b"\xe9 \x80", None), "é €");
        assert_eq!(decode(b"\xe9", Some("iso-8859-1")), "é");
        assert_eq!(decode(b"\xe9", Some("X-CP1252")), "é");
        assert_eq!(decode(b"\x84\x9c\xff", Some("windows-1252")), "„œÿ");
        assert_eq!(decode(b"\xff\xfe\xe9\x00", None), "é");
        assert_eq!(decode(b"\x00\xe9", Some("UTF-16BE")), "é");
        assert_eq!(decode("\u{feff}é".as_bytes(), Some("iso-8859-1")), "é");
        assert_eq!(
            decode(b"<meta charset=\"windows-1251\">\xff", None),
            "<meta charset=\"windows-1251\">\u{fffd}"
        );
        assert_eq!(charset(" charset=\"UTF-8\"; x=y"), Some("UTF-8"));
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (url, loopback) in [
            ("http://localhost:1/", true),
            ("http://127.0.0.1/", true),
            ("http://[::1]/", true),
            ("http://shop.example/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }
}
