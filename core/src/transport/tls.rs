//! TLS for the HTTP client. The crypto provider is handed to it: the process's
//! default is the application's, and stays as it is.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

use super::failure::innermost;
use super::roots::{Roots, no_certificate};
use crate::config::ClientConfig;
use crate::error::{Error, Result};

/// How the HTTP client checks the service's certificate.
pub(super) fn client_config(
    config: &ClientConfig,
    http1_only: bool,
) -> Result<rustls::ClientConfig> {
    let mut tls = with_roots(config)?;
    tls.alpn_protocols = protocols(http1_only);
    Ok(tls)
}

fn with_roots(config: &ClientConfig) -> Result<rustls::ClientConfig> {
    let provider = provider()?;
    let tls = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| build_error(&error))?;
    let (certificates, verifier) = match &config.roots {
        Roots::Only(certificates) => {
            let roots = store_of(certificates).ok_or_else(|| no_certificate("`ca_file`"))?;
            (certificates, verifier_of(roots, provider)?)
        }
        // Loading the system's store takes 10 to 40 ms, and fails where there
        // is none: plain http needs neither.
        Roots::SystemAnd(..) if !config.uses_tls() => {
            let none = tls.with_root_certificates(RootCertStore::empty());
            return Ok(none.with_no_client_auth());
        }
        Roots::SystemAnd(named, extra) => {
            let verifier = match named.load() {
                Some(mut found) => {
                    found.extend(extra.iter().cloned());
                    let roots = store_of(&found).ok_or_else(no_roots)?;
                    verifier_of(roots, provider)?
                }
                None => Verifier::new_with_extra_roots(extra.iter().cloned(), provider)
                    .map(|verifier| Arc::new(verifier) as Arc<dyn ServerCertVerifier>)
                    .map_err(|error| build_error(&error))?,
            };
            (extra, verifier)
        }
    };
    let verifier = OwnCertificates {
        certificates: certificates.clone(),
        authorities: verifier,
    };
    Ok(tls
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn verifier_of(
    roots: RootCertStore,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>> {
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
        .build()
        .map_err(|error| build_error(&error))?;
    Ok(verifier)
}

/// A store of what can be read of these, if there is any: a bundle may hold what is too old.
fn store_of(certificates: &[CertificateDer<'static>]) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let (_, ignored) = roots.add_parsable_certificates(certificates.iter().cloned());
    if ignored > 0 {
        tracing::debug!(ignored, "certificates that cannot be read are not trusted");
    }
    (!roots.is_empty()).then_some(roots)
}

/// Trusts what the authorities signed, and a certificate that was handed over
/// itself: one that a service signed for itself, as `openssl req -x509` makes it,
/// counts as an authority's, which must not stand for a service otherwise.
#[derive(Debug)]
struct OwnCertificates {
    certificates: Arc<[CertificateDer<'static>]>,
    authorities: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for OwnCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let checked = self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        // What is found before this error: it is too old, or not valid yet.
        let is_authority = matches!(&checked, Err(error) if is_authority_itself(error));
        if is_authority && self.certificates.iter().any(|own| own == end_entity) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        checked
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Whether a service showed the certificate of an authority as its own.
fn is_authority_itself(error: &rustls::Error) -> bool {
    // The type behind it is that of a crate which is not ours.
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::Other(other))
        if format!("{other:?}").contains(AUTHORITY_ITSELF))
}

/// How the checker of certificates names a service's one that is an authority's.
const AUTHORITY_ITSELF: &str = "CaUsedAsEndEntity";

/// What to do about a certificate that was refused; nothing for other failures.
pub(super) fn advice(failure: &str, config: &ClientConfig) -> Option<&'static str> {
    if !failure.contains("peer certificate") {
        return None;
    }
    let own = matches!(config.roots, Roots::Only(_));
    Some(if failure.contains(AUTHORITY_ITSELF) {
        "It is one that the service signed for itself: to trust it, pass its PEM file as `ca_file`"
    } else if failure.contains("not valid for") {
        "Use a name that it is valid for in the base URL, or make one with the name: openssl req -x509 takes \
         -addext subjectAltName=DNS:..., or IP:... for an address"
    } else if failure.contains("expired") || failure.contains("not valid yet") {
        "Check this machine's clock, and the certificate's dates"
    } else if failure.contains("UnsupportedCertVersion") {
        "It is of an old version: make one of version 3, as openssl req -x509 does"
    } else if own {
        "No certificate of the file signed it: give that of its authority as `ca_file` (the whole file takes the \
         place of the system's)"
    } else {
        "A certificate of an authority of your own is trusted with `ca_file` (or REQUESTS_CA_BUNDLE, \
         NODE_EXTRA_CA_CERTS, SSL_CERT_FILE)"
    })
}

/// What HTTP versions the handshake offers.
fn protocols(http1_only: bool) -> Vec<Vec<u8>> {
    let http2 = cfg!(feature = "http2") && !http1_only;
    let names: &[&[u8]] = if http2 {
        &[b"h2", b"http/1.1"]
    } else {
        &[b"http/1.1"]
    };
    names.iter().map(|name| name.to_vec()).collect()
}

/// The application's provider where it chose one, else the one that this crate
/// was built with.
fn provider() -> Result<Arc<CryptoProvider>> {
    if let Some(chosen) = CryptoProvider::get_default() {
        return Ok(chosen.clone());
    }
    built_in().map(Arc::new).ok_or_else(|| {
        Error::config(
            "There is no crypto provider for TLS. Turn on the feature `aws-lc-rs` or `ring` of the crate \
             sessionwire, or call `CryptoProvider::install_default` of rustls before the first request",
        )
    })
}

#[cfg(feature = "aws-lc-rs")]
fn built_in() -> Option<CryptoProvider> {
    Some(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
fn built_in() -> Option<CryptoProvider> {
    Some(rustls::crypto::ring::default_provider())
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
fn built_in() -> Option<CryptoProvider> {
    None
}

/// The error of an HTTP client that could not be built.
pub(super) fn build_error(error: &dyn std::error::Error) -> Error {
    cannot_be_set_up(&innermost(error).unwrap_or_else(|| error.to_string()))
}

fn no_roots() -> Error {
    cannot_be_set_up("what SSL_CERT_FILE and SSL_CERT_DIR name holds no certificate")
}

fn cannot_be_set_up(why: &str) -> Error {
    Error::config(format!(
        "The HTTP client cannot be set up: {why}. If this system has no CA certificates, install them \
         (package ca-certificates), set SSL_CERT_FILE, or pass `ca_file`"
    ))
}
