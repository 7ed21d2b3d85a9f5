//! TLS: the certificate that the emulator shows, its own or one from files, and where clients find what to trust.

mod authority_file;
mod identity;

pub(crate) use authority_file::AuthorityFile;

use crate::options::{Options, public_url};
use crate::web::provider;
use identity::Identity;
use rustls::ServerConfig;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// What a connection needs, and what is told of it.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    /// The host of the emulator's address, where the certificate does not hold for the IP address.
    pub(crate) host: Option<String>,
    pub(crate) authority: Option<AuthorityFile>,
    /// Why clients refuse a certificate from files.
    pub(crate) warnings: Vec<String>,
}

/// TLS as the options want it; `None`: without.
pub(crate) fn of(
    options: &Options,
    listens_on: IpAddr,
    reachable: IpAddr,
) -> Result<Option<Tls>, String> {
    let files = options.tls_cert.as_deref().zip(options.tls_key.as_deref());
    let (identity, authority, host, warnings) = match files {
        Some((cert, key)) => {
            let identity = identity::read(cert, key)?;
            let host = named_host(&identity, options, listens_on, reachable);
            let mut warnings = identity.refused(&*provider()?);
            warnings.extend(misnamed(&identity, options, reachable, host.as_deref()));
            let named = |why: String| format!("tls_cert is `{}`, which {why}", cert.display());
            let warnings = warnings.into_iter().map(named).collect();
            (identity, None, host, warnings)
        }
        None if options.tls || options.tls_ca.is_some() => {
            let (identity, pem) = identity::made(names(options, listens_on, reachable))?;
            let file = AuthorityFile::write(options.tls_ca.as_deref(), &pem)?;
            (identity, Some(file), None, Vec::new())
        }
        None => return Ok(None),
    };
    Ok(Some(Tls {
        acceptor: acceptor(identity)?,
        host,
        authority,
        warnings,
    }))
}

fn acceptor(identity: Identity) -> Result<TlsAcceptor, String> {
    let Identity { chain, key } = identity;
    let config = ServerConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            "tls_key is not the key of tls_cert; give the two that were made together".to_owned()
        }
        error => format!("the certificate cannot be used for TLS: {error}"),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// For what a certificate of its own holds.
fn names(options: &Options, listens_on: IpAddr, reachable: IpAddr) -> Vec<String> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    names.push(reachable.to_string());
    names.push(options.host.trim_matches(['[', ']']).to_owned());
    if listens_on.is_unspecified() {
        names.extend(outward(listens_on).map(|address| address.to_string()));
    }
    let public = options
        .public_url
        .as_deref()
        .and_then(|text| public_url(text).ok());
    names.extend(
        public
            .iter()
            .filter_map(|url| url.host_str())
            .map(|host| host.trim_matches(['[', ']']).to_owned()),
    );
    names.extend(options.allow_hosts.iter().cloned());
    names.sort_unstable();
    names.dedup();
    names
}

/// The address by which other machines reach this one, as far as the system's routes tell. Nothing is sent.
fn outward(family: IpAddr) -> Option<IpAddr> {
    let (own, other) = match family {
        IpAddr::V4(_) => ("0.0.0.0:0", "192.0.2.1:9"),
        IpAddr::V6(_) => ("[::]:0", "[2001:db8::1]:9"),
    };
    let socket = UdpSocket::bind(own).ok()?;
    socket.connect(other).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// The name to use in the address where a certificate does not hold for the IP address: clients refuse it otherwise.
fn named_host(
    identity: &Identity,
    options: &Options,
    listens_on: IpAddr,
    reachable: IpAddr,
) -> Option<String> {
    if identity.holds_for(&reachable.to_string()) {
        return None;
    }
    // `localhost` leads to no other address of the loopback.
    let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
    let is_local = listens_on == v4 || listens_on == v6 || listens_on.is_unspecified();
    let local = is_local.then_some("localhost");
    let own = options.allow_hosts.iter().map(String::as_str);
    let found = local
        .into_iter()
        .chain([options.host.as_str()])
        .chain(own)
        .find(|name| identity.holds_for(name));
    found.map(str::to_owned)
}

/// The names by which clients call the emulator, and for which the certificate does not hold; `None`: it holds.
fn misnamed(
    identity: &Identity,
    options: &Options,
    reachable: IpAddr,
    host: Option<&str>,
) -> Option<String> {
    let address = reachable.to_string();
    let public = options
        .public_url
        .as_deref()
        .and_then(|text| public_url(text).ok())
        .and_then(|url| {
            url.host_str()
                .map(|host| host.trim_matches(['[', ']']).to_owned())
        });
    // Behind a forwarder clients know that address alone.
    let is_public = public.is_some_and(|host| identity.holds_for(&host));
    let called = (host.is_none() && !is_public).then_some(address.as_str());
    let called = called
        .into_iter()
        .chain(options.allow_hosts.iter().map(String::as_str));
    let mut missed: Vec<&str> = called.filter(|name| !identity.holds_for(name)).collect();
    missed.dedup();
    let first = missed.first()?;
    let held = match identity.names(first) {
        names if names.is_empty() => "no name at all".to_owned(),
        names => names.join(", "),
    };
    Some(format!(
        "does not hold for {}: clients that call it so refuse it. It holds for {held}. Give a certificate for that name, or name in \
         allow_hosts a name for which it holds and which leads here",
        missed.join(", ")
    ))
}
