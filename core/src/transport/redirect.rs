//! Which redirects are followed: the same origin's, of a GET.

use url::Url;

/// Most redirects in a row.
pub(super) const MAX_REDIRECTS: usize = 3;

/// Where a redirect of a GET leads, if it may be followed: the key must not
/// reach another origin, and no other credentials may join it.
pub(super) fn target(from: &Url, location: &str) -> Option<Url> {
    let to = from.join(location).ok()?;
    let plain = to.username().is_empty() && to.password().is_none();
    (plain && to.origin() == from.origin()).then_some(to)
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use url::Url;

    use super::target;

    #[test]
    fn only_the_same_origin_is_followed() {
        let from = Url::parse("https://api.agi.tech/v1/sessions").expect("a URL");
        for (location, to) in [
            ("/v2/sessions", Some("https://api.agi.tech/v2/sessions")),
            ("list?x=1", Some("https://api.agi.tech/v1/list?x=1")),
            (
                "https://api.agi.tech/other",
                Some("https://api.agi.tech/other"),
            ),
            (
                "https://API.AGI.TECH:443/other",
                Some("https://api.agi.tech/other"),
            ),
            ("//api.agi.tech/other", Some("https://api.agi.tech/other")),
            // Another host, port or scheme.
            ("https://evil.example/", None),
            ("//evil.example/v1/sessions", None),
            ("https://api.agi.tech.evil.example/", None),
            ("https://api.agi.tech@evil.example/", None),
            ("\\\\evil.example\\x", None),
            ("https://sub.api.agi.tech/", None),
            ("https://api.agi.tech:8443/", None),
            ("http://api.agi.tech/v1/sessions", None),
            // No web address at all.
            ("data:text/plain,x", None),
            ("file:///etc/passwd", None),
            ("javascript:alert(1)", None),
            ("https://", None),
        ] {
            let found = target(&from, location);
            assert_eq!(found.as_ref().map(Url::as_str), to, "{location}");
        }
    }

    #[test]
    fn a_user_in_a_redirect_is_not_followed() {
        // It would become a second `Authorization` beside the key's.
        let from = Url::parse("https://api.agi.tech/v1/sessions").expect("a URL");
        for location in ["https://me@api.agi.tech/", "https://:pass@api.agi.tech/"] {
            assert_eq!(target(&from, location), None, "{location}");
        }
    }
}
