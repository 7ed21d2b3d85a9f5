//! TLS for the HTTP client. The crypto provider is handed to it: the process's
//! default is the application's, and stays as it is.

use std::sync::Arc;

use reqwest::ClientBuilder;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::BuilderVerifierExt;

use super::failure::innermost;
use crate::config::{ClientConfig, no_certificate};
use crate::error::{Error, Result};

/// How the HTTP client checks the service's certificate.
pub(super) fn configure(
    builder: ClientBuilder,
    config: &ClientConfig,
    http1_only: bool,
) -> Result<ClientBuilder> {
    let mut tls = client_config(config)?;
    tls.alpn_protocols = protocols(http1_only);
    Ok(builder.tls_backend_preconfigured(tls))
}

fn client_config(config: &ClientConfig) -> Result<rustls::ClientConfig> {
    let uses_tls = config.base_url.scheme() == "https"
        || config
            .proxy
            .as_ref()
            .is_some_and(|proxy| proxy.scheme() == "https");
    let tls = rustls::ClientConfig::builder_with_provider(provider()?)
        .with_safe_default_protocol_versions()
        .map_err(|error| build_error(&error))?;
    let tls = match (&config.ca_pem, uses_tls) {
        (Some(pem), _) => tls.with_root_certificates(read_roots(pem)?),
        // Loading the system's store takes 10 to 40 ms, and fails where there
        // is none: plain http needs neither.
        (None, false) => tls.with_root_certificates(RootCertStore::empty()),
        (None, true) => tls
            .with_platform_verifier()
            .map_err(|error| build_error(&error))?,
    };
    Ok(tls.with_no_client_auth())
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

fn read_roots(pem: &[u8]) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| no_certificate())?;
        roots
            .add(certificate)
            .map_err(|error| build_error(&error))?;
    }
    if roots.is_empty() {
        return Err(no_certificate());
    }
    Ok(roots)
}

/// The error of an HTTP client that could not be built.
pub(super) fn build_error(error: &dyn std::error::Error) -> Error {
    Error::config(format!(
        "The HTTP client cannot be set up: {}. If this system has no CA certificates, install them \
         (package ca-certificates), set SSL_CERT_FILE, or pass `ca_file`",
        innermost(error).unwrap_or_else(|| error.to_string())
    ))
}
