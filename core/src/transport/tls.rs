//! TLS for the HTTP client.

use reqwest::{Certificate, ClientBuilder};

use crate::config::{ClientConfig, no_certificate};
use crate::error::{Error, Result};

/// How the HTTP client checks the service's certificate.
pub(super) fn configure(builder: ClientBuilder, config: &ClientConfig) -> Result<ClientBuilder> {
    // Another part of the program may have chosen a provider before: then
    // that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let uses_tls = config.base_url.scheme() == "https"
        || config
            .proxy
            .as_ref()
            .is_some_and(|proxy| proxy.scheme() == "https");
    Ok(match (&config.ca_pem, uses_tls) {
        (Some(pem), _) => builder.tls_certs_only(read_roots(pem)?),
        // Loading the system's store takes 10 to 40 ms, and fails where there
        // is none: plain http needs neither.
        (None, false) => builder.tls_certs_only([]),
        (None, true) => builder,
    })
}

fn read_roots(pem: &[u8]) -> Result<Vec<Certificate>> {
    let roots = Certificate::from_pem_bundle(pem).unwrap_or_default();
    if roots.is_empty() {
        return Err(no_certificate());
    }
    Ok(roots)
}

/// The error of an HTTP client that could not be built.
pub(super) fn build_error(error: &reqwest::Error) -> Error {
    Error::config(format!(
        "The HTTP client cannot be set up: {}. If this system has no CA certificates, install them \
         (package ca-certificates), set SSL_CERT_FILE, or pass `ca_file`",
        super::http::cause(error)
    ))
}
