//! A certificate with its key: made, or read.

use crate::clock::Timestamp;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore};
use std::path::Path;

/// What a server shows. It has no `Debug` form: it holds the key.
pub(super) struct Identity {
    /// The server's certificate, then those between it and its authority.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Whether clients take the certificate for that of this host.
    pub(super) fn holds_for(&self, host: &str) -> bool {
        let certificate = self.chain.first().map(ParsedCertificate::try_from);
        let (Some(Ok(certificate)), Ok(name)) = (certificate, ServerName::try_from(host)) else {
            return false;
        };
        verify_server_name(&certificate, &name).is_ok()
    }
}

impl Identity {
    /// The names and addresses for which it holds, which `other` is none of.
    pub(super) fn names(&self, other: &str) -> Vec<String> {
        let certificate = self.chain.first().map(ParsedCertificate::try_from);
        let (Some(Ok(certificate)), Ok(name)) = (certificate, ServerName::try_from(other)) else {
            return Vec::new();
        };
        let refusal = verify_server_name(&certificate, &name);
        let Err(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented,
            ..
        })) = refusal
        else {
            return Vec::new();
        };
        // `DnsName("localhost")`.
        let bare = |name: String| {
            let inner = name.split_once('(').map_or(&*name, |(_, inner)| inner);
            inner.trim_end_matches(')').trim_matches('"').to_owned()
        };
        presented.into_iter().map(bare).collect()
    }

    /// Why every client refuses it now, whatever it trusts; of the first certificate, and of those behind it.
    pub(super) fn refused(&self, provider: &CryptoProvider) -> Vec<String> {
        let why = self
            .chain
            .iter()
            .enumerate()
            .filter_map(|(index, certificate)| {
                let whose = match index {
                    0 => String::new(),
                    _ => format!(
                        "has a certificate behind the first (number {}) that ",
                        index + 1
                    ),
                };
                refusal(certificate, index == 0, provider).map(|why| format!("{whose}{why}"))
            });
        why.collect()
    }
}

/// Nothing is trusted here: a certificate that is right has an issuer that is not known.
fn refusal(
    certificate: &CertificateDer<'_>,
    is_first: bool,
    provider: &CryptoProvider,
) -> Option<String> {
    let algorithms = provider.signature_verification_algorithms.all;
    let checked = ParsedCertificate::try_from(certificate).and_then(|parsed| {
        let (roots, now) = (RootCertStore::empty(), UnixTime::now());
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, &[], now, algorithms)
    });
    let date = |time: UnixTime| Timestamp::from_millis(time.as_secs() * 1000).to_string();
    match checked.err()? {
        rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
            not_after, ..
        }) => {
            let on = date(not_after);
            Some(format!(
                "expired on {on}: clients refuse it; make a new one"
            ))
        }
        rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before,
            ..
        }) => {
            let from = date(not_before);
            Some(format!(
                "is not valid before {from}: clients refuse it until then; make one that is valid now, or set this machine's clock"
            ))
        }
        // One behind the first is of an authority, and not for servers.
        rustls::Error::InvalidCertificate(
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
        ) if is_first => Some(
            "is not for servers by its extended key usage: clients refuse it; make one with serverAuth".to_owned(),
        ),
        _ => None,
    }
}

/// A certificate for these hosts, and that of its authority, in PEM. The authority's key is gone when this returns.
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub(super) fn made(hosts: Vec<String>) -> Result<(Identity, String), String> {
    made_for(hosts).map_err(|error| {
        format!("no certificate can be made: {error}; host, public_url and allow_hosts are names or addresses in ASCII")
    })
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
fn made_for(hosts: Vec<String>) -> Result<(Identity, String), rcgen::Error> {
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose,
        IsCa, KeyPair, KeyUsagePurpose,
    };

    let mut authority = CertificateParams::default();
    let name = "sessionwire emulator";
    authority.distinguished_name.push(DnType::CommonName, name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    dated(&mut authority);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;

    let mut server = CertificateParams::new(hosts)?;
    server
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    server.is_ca = IsCa::ExplicitNoCa;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    dated(&mut server);
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &authority)?;
    let identity = Identity {
        chain: vec![certificate.der().clone()],
        key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    };
    Ok((identity, authority.pem()))
}

/// From a day ago, since clocks differ, for 397 days: more is refused on some systems.
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
fn dated(params: &mut rcgen::CertificateParams) {
    use std::time::{Duration, SystemTime};
    const DAY: Duration = Duration::from_secs(86_400);

    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = rcgen::date_time_ymd(1970, 1, 1) + since.unwrap_or_default();
    params.not_before = now - DAY;
    params.not_after = now + 396 * DAY;
}

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
pub(super) fn made(_: Vec<String>) -> Result<(Identity, String), String> {
    // It says which feature to turn on.
    crate::web::provider()?;
    Err("without the feature `ring` or `aws-lc-rs` no certificate can be made; give one with tls_cert".to_owned())
}

/// A certificate and its key from PEM files.
pub(super) fn read(cert: &Path, key: &Path) -> Result<Identity, String> {
    let in_file = |path: &Path, name: &str| {
        std::fs::read(path).map_err(|error| {
            format!(
                "{name} is `{}`, which cannot be read: {error}; give a PEM file",
                path.display()
            )
        })
    };
    let unusable = |path: &Path, name: &str, error: pem::Error, what: &str| {
        let why = match error {
            pem::Error::NoItemsFound => String::new(),
            error => format!(" ({error})"),
        };
        format!("{name} is `{}`, which holds {what}{why}", path.display())
    };
    let bytes = in_file(cert, "tls_cert")?;
    let chain = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .and_then(|chain| match chain.is_empty() {
            true => Err(pem::Error::NoItemsFound),
            false => Ok(chain),
        })
        .map_err(|error| {
            unusable(
                cert,
                "tls_cert",
                error,
                "no certificate in PEM; give a file with `-----BEGIN CERTIFICATE-----`",
            )
        })?;
    let key = PrivateKeyDer::from_pem_slice(&in_file(key, "tls_key")?).map_err(|error| {
        let what = "no private key in PEM, or one with a passphrase; `openssl pkey -in FILE -out PLAIN` takes that off";
        unusable(key, "tls_key", error, what)
    })?;
    Ok(Identity { chain, key })
}
