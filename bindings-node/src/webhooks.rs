//! Webhooks, for those who receive them.

// Test builds register no exports.
#![cfg_attr(test, allow(dead_code))]

use napi::bindgen_prelude::{Either, Uint8Array};
use napi_derive::napi;
use sessionwire::webhooks;

use crate::reply::ErrorInfo;

/// Reads a webhook's body; its fields as JSON.
#[napi(catch_unwind)]
pub fn parse_webhook(
    body: Either<String, Uint8Array>,
    event_type: Option<String>,
) -> Either<String, ErrorInfo> {
    let bytes = match &body {
        Either::A(text) => text.as_bytes(),
        Either::B(bytes) => bytes.as_ref(),
    };
    match webhooks::parse_with_event_type(bytes, event_type.as_deref()) {
        Ok(event) => Either::A(event.to_json()),
        Err(error) => Either::B(error.into()),
    }
}

/// An address with a token.
#[napi(catch_unwind)]
pub fn webhook_url(base: String, secret: String) -> Either<String, ErrorInfo> {
    match webhooks::url(&base, &secret) {
        Ok(url) => Either::A(url),
        Err(error) => Either::B(error.into()),
    }
}

/// Whether an address has the token of this secret.
#[napi(catch_unwind)]
pub fn verify_webhook(url_or_token: String, secret: String) -> bool {
    webhooks::verify(&url_or_token, &secret)
}

/// The keys of deliveries that came before.
#[napi]
pub struct Deduplicator(webhooks::Deduplicator);

#[napi]
impl Deduplicator {
    /// Remembers so many.
    #[napi(factory, catch_unwind)]
    pub fn of_capacity(capacity: u32) -> Self {
        Self(webhooks::Deduplicator::new(capacity as usize))
    }

    /// Whether this key came before; remembers it.
    #[napi(catch_unwind)]
    pub fn is_repeat(&self, key: String) -> bool {
        self.0.is_repeat(&key)
    }

    /// Forgets a key.
    #[napi(catch_unwind)]
    pub fn forget(&self, key: String) {
        self.0.forget(&key);
    }
}
