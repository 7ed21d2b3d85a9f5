//! Web pages, which are what a wrong address answers with.

/// Whether a body is a page for people.
pub(crate) fn is_web_page(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body = body.trim_ascii_start();
    let starts = |tag: &[u8]| {
        body.get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag))
    };
    starts(b"<!doctype html") || starts(b"<html")
}

#[cfg(test)]
mod tests {
    use super::is_web_page;

    #[test]
    fn a_page_is_known_by_its_start() {
        for page in [
            "<!DOCTYPE html><p>Hello",
            "\u{feff}\n <HTML lang=\"en\">",
            "<!doctype HTML>",
        ] {
            assert!(is_web_page(page.as_bytes()), "{page}");
        }
        for other in ["", "{}", "<", "<error/>", "Not <html>", "<!DOCTYPE svg>"] {
            assert!(!is_web_page(other.as_bytes()), "{other}");
        }
    }
}
