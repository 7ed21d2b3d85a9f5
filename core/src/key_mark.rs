//! A mark that tells one key from another and cannot be turned back into it. Pure.

use std::fmt::Write;

use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::transport::Secret;

/// Bytes of salt, and of the digest. Each mark gives at most 32 bits of a hash away,
/// which fit an endless number of keys.
const SALT: usize = 8;
const DIGEST: usize = 4;

/// What a mark is for, so that the same key gives another one elsewhere.
const PURPOSE: &[u8] = b"sessionwire ledger 1 ";

/// A salt, and a short keyed hash of it. As text: the two in hexadecimal digits.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub(crate) struct KeyMark {
    text: String,
    /// What made it; `None` where it was read.
    key: Option<Secret>,
}

impl KeyMark {
    pub(crate) fn new(key: &Secret) -> Result<Self> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt)
            .map_err(|_| Error::config("The system gives no random numbers"))?;
        let salt = hex(&salt);
        Ok(Self {
            text: format!("{salt}-{}", digest(key, &salt)),
            key: Some(key.clone()),
        })
    }

    /// Whether another mark was made with this one's key.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let Some(key) = &self.key else {
            return false;
        };
        other
            .text
            .split_once('-')
            .is_some_and(|(salt, found)| digest(key, salt) == found)
    }
}

fn digest(key: &Secret, salt: &str) -> String {
    let signing = hmac::Key::new(hmac::HMAC_SHA256, key.expose().trim().as_bytes());
    let mut context = hmac::Context::with_key(&signing);
    context.update(PURPOSE);
    context.update(salt.as_bytes());
    let tag = context.sign();
    hex(tag.as_ref().get(..DIGEST).unwrap_or_default())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl From<String> for KeyMark {
    fn from(text: String) -> Self {
        Self { text, key: None }
    }
}

impl From<KeyMark> for String {
    fn from(mark: KeyMark) -> Self {
        mark.text
    }
}

impl std::fmt::Debug for KeyMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_known_again_by_its_key_alone() {
        let (one, other) = (Secret::new("key-one"), Secret::new("key-other"));
        let written = KeyMark::from(String::from(KeyMark::new(&one).unwrap()));
        assert!(KeyMark::new(&one).unwrap().is_same(&written));
        assert!(!KeyMark::new(&other).unwrap().is_same(&written));
        assert!(
            !KeyMark::new(&one)
                .unwrap()
                .is_same(&KeyMark::from("no mark".to_owned()))
        );
    }

    #[test]
    fn a_mark_is_another_one_each_time_and_shows_nothing_of_the_key() {
        let key = Secret::new("key-one");
        let (first, second) = (KeyMark::new(&key).unwrap(), KeyMark::new(&key).unwrap());
        assert_ne!(first.text, second.text);
        assert_eq!(first.text.len(), 2 * SALT + 1 + 2 * DIGEST);
        assert!(!format!("{first:?}").contains("key"));
    }
}
