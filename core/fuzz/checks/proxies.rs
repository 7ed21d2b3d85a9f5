//! `NO_PROXY` against a written table, and addresses of proxies.
//!
//! Input: a text. It joins the lists of the table, where it must not change what they exempt, stands alone as a list, and is
//! the password of a proxy's address, which must lead to no other host and be shown in no error.

use sessionwire::transport::proxies::{exempts, parse};
use url::Url;

/// A list, an address, and whether the list exempts it.
const TABLE: [(&str, &str, bool); 62] = [
    // A host, and all below it.
    ("example.com", "https://example.com", true),
    ("example.com", "https://api.example.com", true),
    ("example.com", "https://a.b.example.com", true),
    ("example.com", "https://notexample.com", false),
    ("example.com", "https://example.com.evil.test", false),
    ("api.example.com", "https://example.com", false),
    (".example.com", "https://example.com", true),
    (".example.com", "https://api.example.com", true),
    (".example.com", "https://notexample.com", false),
    ("*.example.com", "https://api.example.com", true),
    ("*.example.com", "https://example.com", false),
    ("*.example.com", "https://notexample.com", false),
    ("com", "https://example.com", true),
    // Capitals, dots at the end, names in other letters.
    ("EXAMPLE.com", "https://example.COM", true),
    ("example.com.", "https://example.com", true),
    ("example.com", "https://example.com.", true),
    ("bücher.example", "https://xn--bcher-kva.example", true),
    ("BÜCHER.example", "https://bücher.example", true),
    ("xn--bcher-kva.example", "https://bücher.example", true),
    // Ports.
    ("example.com:8080", "http://example.com:8080", true),
    ("example.com:8080", "http://api.example.com:8080", true),
    ("example.com:8080", "http://example.com", false),
    ("example.com:8080", "http://example.com:8081", false),
    ("example.com:443", "https://example.com", true),
    ("example.com:443", "http://example.com", false),
    (".example.com:8443", "https://api.example.com:8443", true),
    ("*.example.com:8443", "https://api.example.com:8443", true),
    ("example.com:http", "http://example.com", false),
    ("example.com:", "http://example.com", false),
    ("example.com", "https://example.com:8443", true),
    // Everything.
    ("*", "https://example.com", true),
    ("*", "http://10.0.0.1", true),
    ("*", "http://[2001:db8::1]", true),
    ("*:8080", "http://example.com:8080", true),
    ("*:8080", "http://example.com", false),
    ("a.test, *", "https://example.com", true),
    // Addresses.
    ("10.0.0.1", "http://10.0.0.1", true),
    ("10.0.0.1", "http://10.0.0.1:9000", true),
    ("10.0.0.1", "http://10.0.0.11", false),
    ("0.0.1", "http://10.0.0.1", false),
    ("10.0.0.1:9000", "http://10.0.0.1:9000", true),
    ("10.0.0.1:9000", "http://10.0.0.1", false),
    ("2001:db8::1", "http://[2001:db8::1]", true),
    ("2001:DB8:0::1", "http://[2001:db8::1]", true),
    ("[2001:db8::1]", "http://[2001:db8::1]:9000", true),
    ("[2001:db8::1]:9000", "http://[2001:db8::1]:9000", true),
    ("[2001:db8::1]:9000", "http://[2001:db8::1]", false),
    ("2001:db8::1", "http://[2001:db8::2]", false),
    ("10.0.0.1", "http://[::ffff:10.0.0.1]", true),
    // Networks.
    ("10.0.0.0/8", "http://10.200.3.4", true),
    ("10.0.0.0/8", "http://11.0.0.1", false),
    ("192.168.1.128/25", "http://192.168.1.129", true),
    ("192.168.1.128/25", "http://192.168.1.127", false),
    ("10.0.0.0/33", "http://10.0.0.0", false),
    ("0.0.0.0/0", "http://8.8.8.8", true),
    ("2001:db8::/32", "http://[2001:db8:ffff::1]", true),
    ("2001:db8::/32", "http://[2001:db9::1]", false),
    ("10.0.0.0/8", "https://example.com", false),
    // Schemes, lists.
    ("http://example.com", "https://example.com", false),
    ("all://example.com:8443/", "https://example.com:8443", true),
    ("a.test b.test\texample.com", "https://example.com", true),
    (" ,, ", "https://example.com", false),
];

pub(crate) fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    check_table(&text);
    check_alone(&text);
    for scheme in ["http", "https", "socks5h"] {
        check_password(scheme, &text);
    }
    // Any text is an address or an error.
    if let Ok(url) = parse(&text, "`proxy`") {
        assert!(
            url.host_str().is_some_and(|host| !host.is_empty()),
            "{text:?}"
        );
        assert!(url.port_or_known_default().is_some(), "{text:?}");
    }
}

/// Entries beside it take nothing from what a list exempts.
fn check_table(text: &str) {
    for (list, address, exempted) in TABLE {
        let url = Url::parse(address).expect("the table's addresses are right");
        assert_eq!(exempts(list, &url), exempted, "{list:?} for {address}");
        if exempted {
            for longer in [format!("{text},{list}"), format!("{list} {text}")] {
                assert!(exempts(&longer, &url), "{longer:?} for {address}");
            }
        }
    }
}

/// A list that exempts a host has its name, or a part of it, or a star.
fn check_alone(text: &str) {
    let url = Url::parse("https://api.example.com").expect("an address");
    let ascii = text.is_ascii() && !text.contains('%');
    if ascii && exempts(text, &url) {
        let lower = text.to_ascii_lowercase();
        assert!(lower.contains("com") || lower.contains('*'), "{text:?}");
    }
}

/// A password leads to no other host, and no error shows it.
fn check_password(scheme: &str, password: &str) {
    let address = format!("{scheme}://me:{password}@proxy.example:3128");
    match parse(&address, "`proxy`") {
        Ok(url) => {
            assert_eq!(url.host_str(), Some("proxy.example"), "{address:?}");
            assert_eq!(url.port(), Some(3128), "{address:?}");
        }
        Err(error) => {
            let text = error.to_string();
            let is_word = password.chars().all(|char| char.is_ascii_alphanumeric());
            assert!(!is_word, "{address:?} is refused: {text}");
            assert!(
                password.len() < 9 || !text.contains(password),
                "{text} shows it"
            );
        }
    }
}
