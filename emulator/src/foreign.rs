//! Whether a page of another site sends a request.

use axum::http::{HeaderMap, header};

/// Whether another site's page sends this to `url`, where `public_url` is this one's, too. Programs other than browsers name
/// no origin.
pub(crate) fn is_foreign(headers: &HeaderMap, url: &str, public_url: &str) -> bool {
    let scheme = url.split_inclusive("//").next().unwrap_or_default();
    let text = |name| headers.get(name).map(|value| value.as_bytes());
    let foreign_origin = text(header::ORIGIN).is_some_and(|origin| {
        origin != public_url.as_bytes()
            && origin.strip_prefix(scheme.as_bytes())
                != Some(text(header::HOST).unwrap_or_default())
    });
    let site = headers.get("sec-fetch-site");
    foreign_origin || site.is_some_and(|site| site != "same-origin" && site != "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_origin_is_not_foreign() {
        let foreign_to = |url, origin: Option<&'static str>, site: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "127.0.0.1:8080".parse().unwrap());
            for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            is_foreign(&headers, url, "https://abc.forwarder.example")
        };
        let foreign = |origin, site| foreign_to("http://127.0.0.1:8080", origin, site);
        assert!(!foreign(None, None));
        assert!(!foreign(Some("http://127.0.0.1:8080"), Some("same-origin")));
        let public = Some("https://abc.forwarder.example");
        assert!(!foreign(public, Some("same-origin")));
        assert!(foreign(public, Some("cross-site")));
        assert!(foreign(Some("http://127.0.0.1:8081"), None));
        assert!(foreign(Some("http://localhost:8080"), None));
        assert!(foreign(Some("https://127.0.0.1:8080"), None));
        let with_tls = |origin| foreign_to("https://127.0.0.1:8080", Some(origin), None);
        assert!(!with_tls("https://127.0.0.1:8080"));
        assert!(with_tls("http://127.0.0.1:8080"));
        assert!(foreign(Some("null"), None));
        assert!(foreign(None, Some("cross-site")));
        assert!(foreign(None, Some("same-site")));
    }
}
