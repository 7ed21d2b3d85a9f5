//! Ids that nobody can guess.

use crate::error::{Error, Result};

/// A new UUID of version 4.
///
/// # Errors
/// `Config` where the system gives no random numbers.
pub fn new_session_id() -> Result<String> {
    let mut bytes = random_bytes()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Ok(text)
}

/// Whether a text is a UUID, of any version.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Bytes that nobody can guess.
pub(super) fn random_bytes() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Error::config("The system gives no random numbers"))?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn new_session_ids_are_uuids_and_differ() {
        let ids: std::collections::HashSet<String> = (0..100)
            .map(|_| new_session_id().expect("random numbers"))
            .collect();
        assert_eq!(ids.len(), 100);
        for id in ids {
            assert!(crate::validate::session_id(&id).is_ok(), "{id}");
            assert_eq!(&id[14..15], "4", "{id}");
            assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
        }
    }
}
