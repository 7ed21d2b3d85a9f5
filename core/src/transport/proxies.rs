//! Which proxy leads to the service: what `proxy` and the environment say, as the
//! HTTP clients of Python and Node read it. No I/O.

use core::net::IpAddr;

use url::{Host, Url};

use crate::error::{Error, Result};

/// What a proxy may be spoken to by. `socks` means `socks5h`, as desktops write it.
const SCHEMES: [&str; 7] = [
    "http", "https", "socks", "socks4", "socks4a", "socks5", "socks5h",
];

/// The proxy for an address, if there is one. `explicit` is the caller's, which
/// is used in any case; the environment's spares loopback, and what `NO_PROXY`
/// names.
pub(crate) fn choose(
    explicit: Option<&str>,
    base_url: &Url,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Url>> {
    if let Some(text) = explicit {
        return parse(text, "`proxy`").map(Some);
    }
    if !cfg!(feature = "system-proxy") || is_loopback(base_url) {
        return Ok(None);
    }
    let no_proxy = ["no_proxy", "NO_PROXY"].into_iter().filter_map(env);
    let mut lists = no_proxy.filter(|list| !list.trim().is_empty());
    if lists.next().is_some_and(|list| exempts(&list, base_url)) {
        return Ok(None);
    }
    let of_scheme = match base_url.scheme() {
        "https" => of_either_case("HTTPS_PROXY", env),
        // A web server that runs this as CGI sets HTTP_PROXY to what the caller
        // wrote in a header.
        _ if env("REQUEST_METHOD").is_some() => of_either_case("http_proxy", env),
        _ => of_either_case("HTTP_PROXY", env),
    };
    // A value of no use fails only where it would be used.
    match of_scheme.or_else(|| of_either_case("ALL_PROXY", env)) {
        Some((name, text)) => parse(&text, &name).map(Some),
        None => Ok(None),
    }
}

/// A variable and its name: in small letters, else in capitals. An empty one in
/// small letters turns the other off.
fn of_either_case(name: &str, env: &dyn Fn(&str) -> Option<String>) -> Option<(String, String)> {
    let small = name.to_ascii_lowercase();
    let (name, value) = match env(&small) {
        Some(value) => (small, value),
        None => (name.to_owned(), env(name)?),
    };
    (!value.trim().is_empty()).then_some((name, value))
}

/// A proxy's address from a text; `source` names the option or variable.
///
/// # Errors
/// `Config`: it is no address of a proxy. The text may hold a password: it is
/// not repeated.
pub fn parse(text: &str, source: &str) -> Result<Url> {
    const EXAMPLE: &str = "Give one such as http://proxy.example:3128";
    let refused = |why: &str| Err(Error::config(format!("{source} {why}")));
    let text = text.trim();
    // The customary short form `proxy.example:3128` means http.
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let scheme = scheme.to_ascii_lowercase();
    if !SCHEMES.contains(&scheme.as_str()) {
        // What is no scheme may be a part of a password.
        let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let which = match is_scheme {
            true => format!(": its scheme is none of {}", SCHEMES.join(", ")),
            false => String::new(),
        };
        return refused(&format!("is not a proxy address{which}. {EXAMPLE}"));
    }
    if let Some((user, _)) = rest.rsplit_once('@')
        && user.contains(['/', '#', '?', '\\'])
    {
        return refused(
            "has a user or password with one of / # ? \\ in it, which end an address. Percent-encode them: \
             %2F for /, %23 for #, %3F for ?, %5C for \\",
        );
    }
    let scheme = if scheme == "socks" {
        "socks5h"
    } else {
        &scheme
    };
    let url = Url::parse(&format!("{scheme}://{rest}")).ok();
    match url.filter(|url| url.host_str().is_some_and(|host| !host.is_empty())) {
        Some(url) => Ok(with_port(url)),
        None => refused(&format!("is not a proxy address. {EXAMPLE}")),
    }
}

/// Only the schemes of the web have a port by default.
fn with_port(mut url: Url) -> Url {
    if url.port_or_known_default().is_none() {
        // It has a host, so it may have a port.
        let _ = url.set_port(Some(1080));
    }
    url
}

/// Whether a list such as that of `NO_PROXY` exempts an address.
///
/// | entry | exempts |
/// |---|---|
/// | `example.com`, `.example.com` | the host and all below it |
/// | `*.example.com` | all below it |
/// | `10.0.0.1`, `::1`, `[::1]` | the address |
/// | `10.0.0.0/8`, `fd00::/8` | the network |
/// | `*` | everything |
/// | `entry:8080`, `[::1]:8080` | the same at this port only |
/// | `http://entry` | the same for this scheme only |
///
/// Commas and spaces separate entries; capitals do not matter.
pub fn exempts(list: &str, url: &Url) -> bool {
    let mut entries = list
        .split(|char: char| char == ',' || char.is_whitespace())
        .filter(|entry| !entry.is_empty());
    let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
        return false;
    };
    entries
        .any(|entry| Entry::read(entry).is_some_and(|entry| entry.names(url.scheme(), &host, port)))
}

/// One entry of such a list.
struct Entry {
    scheme: Option<String>,
    place: Place,
    port: Option<u16>,
}

enum Place {
    Everything,
    Address(IpAddr),
    /// An address, and how many of its bits count.
    Network(IpAddr, u32),
    /// A name, and all below it.
    Domain(String),
    /// What is below a name.
    Below(String),
}

impl Entry {
    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        let scheme = scheme.filter(|scheme| scheme != "all");
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (place, port) = match rest.parse::<IpAddr>() {
            // Its colons are no port's.
            Ok(address) => (Place::Address(address.to_canonical()), None),
            Err(_) => {
                let (name, port) = split_port(rest)?;
                (Place::read(name)?, port)
            }
        };
        Some(Self {
            scheme,
            place,
            port,
        })
    }

    fn names(&self, scheme: &str, host: &Host<&str>, port: u16) -> bool {
        self.scheme.as_ref().is_none_or(|wanted| wanted == scheme)
            && self.port.is_none_or(|wanted| wanted == port)
            && self.place.holds(host)
    }
}

/// A name and the port behind it.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        // The colons of an address in brackets, or of a network.
        Some((_, rest)) if rest.contains([']', '/']) => Some((text, None)),
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            Some((name, Some(port.parse().ok()?)))
        }
        _ => Some((text, None)),
    }
}

impl Place {
    fn read(name: &str) -> Option<Self> {
        if name == "*" {
            return Some(Self::Everything);
        }
        let plain = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        if let Ok(address) = plain.unwrap_or(name).parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical()));
        }
        if let Some((address, bits)) = name.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            return Some(Self::Network(address, bits.parse().ok()?)).filter(Self::is_network);
        }
        let (below, name) = match name.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, name.strip_prefix('.').unwrap_or(name)),
        };
        // As the parser writes a URL's host: in small letters, ASCII only.
        match Host::parse(name.strip_suffix('.').unwrap_or(name)).ok()? {
            Host::Domain(name) if below => Some(Self::Below(name)),
            Host::Domain(name) => Some(Self::Domain(name)),
            Host::Ipv4(address) => Some(Self::Address(address.into())),
            Host::Ipv6(address) => Some(Self::Address(address.into())),
        }
    }

    fn is_network(&self) -> bool {
        match self {
            Self::Network(IpAddr::V4(_), bits) => *bits <= 32,
            Self::Network(IpAddr::V6(_), bits) => *bits <= 128,
            _ => false,
        }
    }

    fn holds(&self, host: &Host<&str>) -> bool {
        let address = match host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::from(*address)),
            Host::Ipv6(address) => Some(IpAddr::from(*address).to_canonical()),
        };
        match (self, host, address) {
            (Self::Everything, ..) => true,
            (Self::Address(wanted), _, Some(address)) => *wanted == address,
            (Self::Network(network, bits), _, Some(address)) => {
                in_network(*network, *bits, address)
            }
            (Self::Domain(name), Host::Domain(host), _) => {
                let host = host.trim_end_matches('.');
                host == name || is_below(host, name)
            }
            (Self::Below(name), Host::Domain(host), _) => {
                is_below(host.trim_end_matches('.'), name)
            }
            _ => false,
        }
    }
}

fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name)
        .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

fn in_network(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let other = u32::from(network) ^ u32::from(address);
            other.checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let other = u128::from(network) ^ u128::from(address);
            other.checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Whether a URL's host is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            // The parser knows an IP address by the schemes of the web only.
            let ip = name.parse::<core::net::Ipv4Addr>();
            name.eq_ignore_ascii_case("localhost")
                || name.ends_with(".localhost")
                || ip.is_ok_and(|ip| ip.is_loopback())
        }
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
