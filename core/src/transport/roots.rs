//! Whom to trust: the system, or the certificates of a file.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::{Error, Result};

/// How one environment variable is found.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The certificates that are trusted: of authorities, or of services themselves.
#[derive(Clone)]
pub(crate) enum Roots {
    /// The system's, or what an environment names in their place, and these.
    SystemAnd(Named, Certificates),
    /// These alone.
    Only(Certificates),
}

type Certificates = Arc<[CertificateDer<'static>]>;

/// What an environment names in the place of the system's certificates. It may be one that the
/// process does not know: that of JavaScript, which Bun and worker threads keep for themselves.
#[derive(Clone, Default)]
pub(crate) struct Named {
    file: Option<String>,
    folders: Option<String>,
}

impl Named {
    fn is_empty(&self) -> bool {
        self.file.is_none() && self.folders.is_none()
    }

    /// Reads them; `None` where nothing is named, or where this system does not ask for it.
    #[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
    pub(super) fn load(&self) -> Option<Vec<CertificateDer<'static>>> {
        use std::path::Path;

        if self.is_empty() {
            return None;
        }
        let file = self.file.as_deref().map(Path::new);
        let mut found = rustls_native_certs::load_certs_from_paths(file, None);
        for folder in self.folders.iter().flat_map(std::env::split_paths) {
            let more = rustls_native_certs::load_certs_from_paths(None, Some(&folder));
            found.certs.extend(more.certs);
            found.errors.extend(more.errors);
        }
        for error in &found.errors {
            tracing::debug!(%error, "certificates that cannot be read are not trusted");
        }
        Some(found.certs)
    }

    #[cfg(not(all(unix, not(target_vendor = "apple"), not(target_os = "android"))))]
    pub(super) fn load(&self) -> Option<Vec<CertificateDer<'static>>> {
        None
    }
}

/// What users of other clients set, where these are not set: instead of the
/// system's certificates.
const INSTEAD: [&str; 2] = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];
/// The same beside the system's.
const BESIDE: &str = "NODE_EXTRA_CA_CERTS";

impl Roots {
    /// Reads the caller's `ca_file`, else, where `encrypted`, the files that the
    /// environment names.
    pub(crate) fn resolve(ca_file: Option<&str>, encrypted: bool, env: Lookup<'_>) -> Result<Self> {
        if let Some(path) = ca_file {
            return read(path, "`ca_file`").map(Self::Only);
        }
        if !encrypted {
            return Ok(Self::SystemAnd(Named::default(), Arc::default()));
        }
        let named = Named {
            file: env("SSL_CERT_FILE"),
            folders: env("SSL_CERT_DIR"),
        };
        for name in INSTEAD.into_iter().filter(|_| named.is_empty()) {
            if let Some(path) = env(name) {
                return read(&path, name).map(Self::Only);
            }
        }
        let extra = env(BESIDE).map(|path| read(&path, BESIDE));
        Ok(Self::SystemAnd(
            named,
            extra.transpose()?.unwrap_or_default(),
        ))
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SystemAnd(_, extra) if extra.is_empty() => f.write_str("system"),
            Self::SystemAnd(_, extra) => write!(f, "system and {} more", extra.len()),
            Self::Only(certificates) => write!(f, "{} of a file", certificates.len()),
        }
    }
}

/// The certificates of a PEM file that was named by `source`.
fn read(path: &str, source: &str) -> Result<Certificates> {
    let pem = std::fs::read(path).map_err(|error| {
        Error::config(format!(
            "The file given as {source}, {path}, cannot be read: {error}. Give a PEM file with certificates"
        ))
    })?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates.into()),
        _ => Err(no_certificate(source)),
    }
}

/// A file that holds nothing to trust.
pub(super) fn no_certificate(source: &str) -> Error {
    Error::config(format!(
        "{source} holds no certificate. Give a PEM file with `-----BEGIN CERTIFICATE-----` blocks"
    ))
}
