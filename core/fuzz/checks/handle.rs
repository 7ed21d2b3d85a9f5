//! The text of a handle, as it may come from anywhere.
//!
//! Input: the text, or the bytes of the fields behind a right checksum.

use sessionwire::ErrorKind;
use sessionwire::handle::{again, sealed};

pub(crate) fn check(input: &[u8]) {
    check_text(&String::from_utf8_lossy(input));
    check_text(&sealed(input));
}

/// It is refused by the name of its parameter, or says the same when it is written again.
fn check_text(text: &str) {
    match again(text) {
        Ok(written) => {
            let read = again(&written).expect("what was written is read");
            assert_eq!(read, written);
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(error.to_string().contains("`handle`"), "{error}");
            // Nothing of a text without end stands in the error.
            assert!(error.to_string().len() < 400, "{error}");
        }
    }
}
