//! What the end of a socket means (docs/spec/raccoon.md, section 5.5). Pure.

use crate::error::{Error, ErrorKind};

/// What to do after the service closed the socket without a terminal event.
#[derive(Debug)]
pub(super) enum AfterClose {
    /// The history may hold the turn's end; otherwise connect again.
    LookAtHistory,
    /// Connect again.
    Reconnect,
    /// The service will not have this client, or knows no such turn.
    Refused(Error),
}

/// Decides by the close code; `None`: a close frame without one.
pub(super) fn after_close(close: Option<&(u16, String)>) -> AfterClose {
    let Some((code, reason)) = close else {
        return AfterClose::LookAtHistory;
    };
    let kind = match code {
        1000 | 1005 => return AfterClose::LookAtHistory,
        4404 => ErrorKind::NotFound,
        1008 if reason.to_ascii_lowercase().contains("not found") => ErrorKind::NotFound,
        1008 | 4001 | 4003 | 4401 | 4403 => ErrorKind::Authentication,
        _ => return AfterClose::Reconnect,
    };
    let words = if reason.trim().is_empty() {
        String::new()
    } else {
        format!(": {}", reason.trim())
    };
    AfterClose::Refused(
        Error::new(
            kind,
            format!("The service closed the turn's socket with {code}{words}"),
        )
        .with_reason(&format!("close_{code}")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_meaning() {
        let meaning = |code: u16, reason: &str| match after_close(Some(&(code, reason.to_owned())))
        {
            AfterClose::LookAtHistory => "look",
            AfterClose::Reconnect => "reconnect",
            AfterClose::Refused(error) => error.kind().name(),
        };
        for (code, reason, means) in [
            (1000, "", "look"),
            (1001, "", "reconnect"),
            (1002, "", "reconnect"),
            (1003, "", "reconnect"),
            (1005, "", "look"),
            (1006, "", "reconnect"),
            (1007, "", "reconnect"),
            (1008, "", "AuthenticationError"),
            (1008, "bad token", "AuthenticationError"),
            (1008, "Session Not Found", "NotFoundError"),
            (1009, "", "reconnect"),
            (1011, "", "reconnect"),
            (1012, "", "reconnect"),
            (1013, "", "reconnect"),
            (3000, "", "reconnect"),
            (4000, "", "reconnect"),
            (4001, "", "AuthenticationError"),
            (4404, "", "NotFoundError"),
            (4003, "", "AuthenticationError"),
            (4401, "", "AuthenticationError"),
            (4403, "", "AuthenticationError"),
            (4400, "", "reconnect"),
            (4408, "", "reconnect"),
            (4409, "", "reconnect"),
            (4429, "", "reconnect"),
            (4499, "", "reconnect"),
            (4500, "", "reconnect"),
        ] {
            assert_eq!(meaning(code, reason), means, "{code} {reason}");
        }
        assert!(matches!(after_close(None), AfterClose::LookAtHistory));
    }

    #[test]
    fn a_refusal_says_what_the_service_said() {
        let AfterClose::Refused(error) = after_close(Some(&(4401, " bad token ".to_owned())))
        else {
            panic!("it is a refusal");
        };
        assert!(error.to_string().contains("4401: bad token"), "{error}");
        assert_eq!(error.reason(), Some("close_4401"));
    }
}
