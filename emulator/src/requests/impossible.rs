//! What no request can ever be like: an expectation that such a one never comes would always hold, and check nothing.

use crate::words::nearest;
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// The methods of HTTP.
const METHODS: [&str; 9] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT",
];
/// What a status can be.
const STATUS: RangeInclusive<u16> = 100..=599;

/// Why no request has this method, and what to write.
pub(super) fn method(method: &str) -> Option<String> {
    if METHODS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(method))
    {
        return None;
    }
    let write = nearest(method, METHODS).map_or_else(
        || format!("one of {}", METHODS.join(", ")),
        |meant| format!("`{meant}`"),
    );
    Some(format!(
        "`method` is {method:?}, which is no method of HTTP, so that no request fits: write {write}"
    ))
}

/// Why no answer has this status, and what to write.
pub(super) fn status(status: u16) -> Option<String> {
    (!STATUS.contains(&status)).then(|| {
        format!(
            "`status` is {status}, which no answer has, so that no request fits: write one from {} to {}",
            STATUS.start(),
            STATUS.end()
        )
    })
}

/// Why no path fits this pattern, and what to write.
pub(super) fn path(pattern: &str) -> Option<String> {
    let mut whys = Vec::new();
    let address = pattern
        .split_once("://")
        .filter(|(scheme, _)| !scheme.contains(['/', '*', '?']));
    let mut right = match address {
        Some((_, rest)) => {
            whys.push("is an address, where only the path of a request is compared");
            Cow::from(rest.find('/').map_or("/", |at| &rest[at..]))
        }
        None if pattern.is_empty() => {
            whys.push("is empty, where every path begins with `/`");
            Cow::from("**")
        }
        None if pattern.starts_with('/')
            || ["**", "*/"].iter().any(|it| pattern.starts_with(it)) =>
        {
            Cow::from(pattern)
        }
        None if pattern.starts_with('*') => {
            whys.push("begins with a single `*`, which does not stand for the `/` that every path begins with");
            Cow::from(format!("*{pattern}"))
        }
        None => {
            whys.push("does not begin with `/`, as every path does");
            Cow::from(format!("/{pattern}"))
        }
    };
    if let Some(at) = query(&right) {
        whys.push("has a query, which is no part of the path: it stands in `query` of each request that is found");
        right = Cow::from(right[..at].to_owned());
    }
    (!whys.is_empty()).then(|| {
        format!(
            "`path` is {pattern:?}, so that no request fits. It {}: write `{right}`",
            whys.join(", and it ")
        )
    })
}

/// Where a query begins: behind a `?` follows a name with its `=`. Any other `?` stands for a character.
fn query(pattern: &str) -> Option<usize> {
    let first = pattern.find('?')?;
    let sign = first + pattern[first..].find('=')?;
    let mark = pattern[..sign].rfind('?')?;
    let name = &pattern[mark + 1..sign];
    (!name.is_empty() && !name.contains('/')).then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_come_is_refused_with_what_to_write() {
        for (wrong, write) in [
            ("PSOT", "write `POST`"),
            ("gett", "write `GET`"),
            ("GET ", "write `GET`"),
            ("*", "write one of GET, POST, PUT"),
            ("", "write one of GET, POST, PUT"),
        ] {
            let said = method(wrong).unwrap();
            assert!(
                said.starts_with(&format!("`method` is {wrong:?}")),
                "{said}"
            );
            assert!(said.contains(write), "{said}");
        }
        for (wrong, write) in [
            ("v1/sessions", "write `/v1/sessions`"),
            ("/v1/sessions?limit=1", "write `/v1/sessions`"),
            ("/v?/sessions?limit=1&next=/x", "write `/v?/sessions`"),
            ("v1/sessions?limit=1", "write `/v1/sessions`"),
            ("http://localhost:80/v1/sessions", "write `/v1/sessions`"),
            ("https://host/v1/models?a=b", "write `/v1/models`"),
            ("http://host", "write `/`"),
            ("", "write `**`"),
            ("*", "write `**`"),
            ("*message", "write `**message`"),
        ] {
            let said = path(wrong).unwrap();
            assert!(said.starts_with(&format!("`path` is {wrong:?}")), "{said}");
            assert!(said.ends_with(write), "{said}");
        }
        for wrong in [0, 99, 600, 999] {
            let said = status(wrong).unwrap();
            assert!(said.starts_with(&format!("`status` is {wrong},")), "{said}");
        }
    }

    #[test]
    fn what_can_come_is_left_alone() {
        for right in ["get", "POST", "Patch", "OPTIONS"] {
            assert_eq!(method(right), None);
        }
        for right in [
            "/",
            "/v1/sessions",
            "**",
            "**/message",
            "**message",
            "*/sessions",
            "***",
            "/v?/*s",
            "/v1/sessions?",
            "/v1/?/x=y",
            "/v1/a=b?c",
            "/redirect/http://host/x",
            "**://x",
        ] {
            assert_eq!(path(right), None, "{right}");
        }
        for right in [100, 101, 200, 422, 529, 599] {
            assert_eq!(status(right), None);
        }
    }
}
