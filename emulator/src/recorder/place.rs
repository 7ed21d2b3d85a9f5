//! Which request a path means.

use percent_encoding::percent_decode_str;

/// What a path is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The path with names for its ids, such as `/v1/sessions/{session_id}`.
    pub(super) template: String,
    pub(super) session: Option<String>,
}

/// Whether a path is one of AGI; all others are of Raccoon.
pub(super) fn is_of_agi(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/")
}

/// Whether a path is of one of the services at all: what a browser or a monitor asks for beside that is nothing to verify.
pub(super) fn is_of_a_service(path: &str) -> bool {
    let starts = ["/sessions", "/ws/sessions/", "/media/", "/message/"];
    is_of_agi(path) || starts.iter().any(|start| path.starts_with(start))
}

pub(super) fn place(path: &str) -> Place {
    let parts: Vec<&str> = path.split('/').collect();
    let at = match parts[..] {
        ["", "v1", "sessions", id, ..] if !id.is_empty() => Some(3),
        ["", "ws", "sessions", id, ..] if !id.is_empty() => Some(3),
        ["", "sessions", id, ..] if !id.is_empty() && id != "new" => Some(2),
        _ => None,
    };
    let session = at.map(|at| {
        percent_decode_str(parts[at])
            .decode_utf8_lossy()
            .into_owned()
    });
    let named = |(index, part): (usize, &&str)| match Some(index) == at {
        true => "{session_id}".to_owned(),
        false if looks_like_an_id(part) => "{id}".to_owned(),
        false => (*part).to_owned(),
    };
    let parts: Vec<_> = parts.iter().enumerate().map(named).collect();
    Place {
        template: parts.join("/"),
        session,
    }
}

/// Whether a part of a path that nobody knows is no name.
fn looks_like_an_id(part: &str) -> bool {
    part.len() >= 12 && part.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_named() {
        for (path, template, session) in [
            ("/v1/sessions", "/v1/sessions", None),
            (
                "/v1/sessions/a%2Fb/message",
                "/v1/sessions/{session_id}/message",
                Some("a/b"),
            ),
            ("/ws/sessions/c", "/ws/sessions/{session_id}", Some("c")),
            ("/sessions/new", "/sessions/new", None),
            (
                "/sessions/d/title",
                "/sessions/{session_id}/title",
                Some("d"),
            ),
            ("/media/upload", "/media/upload", None),
            ("/v2/things/2b9d6c1e8f34", "/v2/things/{id}", None),
        ] {
            let place = place(path);
            assert_eq!(
                (place.template.as_str(), place.session.as_deref()),
                (template, session)
            );
        }
        assert!(is_of_agi("/v1/sessions") && !is_of_agi("/v10/x"));
        assert!(is_of_a_service("/sessions/new") && !is_of_a_service("/favicon.ico"));
    }
}
