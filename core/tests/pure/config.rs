//! Configuration: what is refused, and with which words; what wins over what.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use sessionwire::transport::Secret;
use sessionwire::{ClientConfig, ClientOptions, Error, ErrorKind, OptionChanges, Result};

const KEY: &str = "sk-live-0123456789";

fn resolve(options: Value, env: &[(&str, &str)]) -> Result<ClientConfig> {
    let options: ClientOptions = serde_json::from_value(options).expect("these are options");
    let env: HashMap<_, _> = env.iter().copied().collect();
    ClientConfig::resolve_with(options, &|name| {
        env.get(name).map(|value| (*value).to_owned())
    })
}

/// With a key and these other options.
fn with(name: &str, value: impl Into<Value>) -> Result<ClientConfig> {
    resolve(json!({"api_key": KEY, name: value.into()}), &[])
}

/// The error says what is wrong and what to do, in whole sentences.
fn refused(result: Result<ClientConfig>, words: &[&str]) -> Error {
    let error = result.expect_err("it is refused");
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Config, "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    assert!(text.ends_with('.'), "{text}");
    assert!(!text.contains("  "), "{text}");
    assert!(!format!("{text} {error:?} {}", error.to_json()).contains(KEY));
    error
}

#[test]
fn the_defaults() {
    let config = resolve(json!({"api_key": KEY}), &[]).unwrap();
    assert_eq!(config.base_url(), "https://api.agi.tech/v1");
    assert_eq!(config.timeout(), Duration::from_secs(60));
    assert!(!config.key_from_env());
}

#[test]
fn the_key_comes_from_the_caller_or_the_environment() {
    let config = resolve(json!({}), &[("AGI_API_KEY", KEY)]).unwrap();
    assert!(config.key_from_env());
    let config = resolve(json!({"api_key": "mine"}), &[("AGI_API_KEY", KEY)]).unwrap();
    assert!(!config.key_from_env());
}

#[test]
fn a_missing_key() {
    let words = ["AGI_API_KEY", "api_key", "Emulator"];
    refused(resolve(json!({}), &[]), &words);
    refused(resolve(json!({"api_key": null}), &[]), &words);
    refused(resolve(json!({}), &[("AGI_API_KEY", "")]), &words);
    refused(resolve(json!({}), &[("AGI_API_KEY", "  \n")]), &words);
}

#[test]
fn an_empty_key() {
    for key in ["", " ", "\t\n"] {
        refused(
            resolve(json!({"api_key": key}), &[]),
            &["empty", "AGI_API_KEY"],
        );
        // It does not fall back to a key that the caller did not mean.
        refused(
            resolve(json!({"api_key": key}), &[("AGI_API_KEY", KEY)]),
            &["empty"],
        );
    }
}

#[test]
fn a_key_that_http_cannot_carry() {
    for key in [
        "line\nbreak-secret",
        "secret\r\nX-Evil: 1",
        "secret\n",
        "nul\0secret",
        "sécret-key",
    ] {
        let error = refused(
            resolve(json!({"api_key": key}), &[]),
            &["character", "line break"],
        );
        assert!(!error.to_string().contains("secret"), "{error}");
        refused(resolve(json!({}), &[("AGI_API_KEY", key)]), &["character"]);
    }
}

#[test]
fn base_urls_that_are_accepted() {
    for (given, used) in [
        ("https://api.agi.tech", "https://api.agi.tech/v1"),
        ("https://api.agi.tech/", "https://api.agi.tech/v1"),
        ("https://api.agi.tech/v1", "https://api.agi.tech/v1"),
        ("https://api.agi.tech/v1/", "https://api.agi.tech/v1"),
        ("https://api.agi.tech/v1//", "https://api.agi.tech/v1"),
        ("  https://api.agi.tech/v1\n", "https://api.agi.tech/v1"),
        ("HTTPS://API.AGI.TECH/v1", "https://api.agi.tech/v1"),
        (
            "https://gateway.example/agi",
            "https://gateway.example/agi/v1",
        ),
        (
            "https://gateway.example/agi/v1",
            "https://gateway.example/agi/v1",
        ),
        (
            "https://gateway.example/agi/v1/",
            "https://gateway.example/agi/v1",
        ),
        (
            "https://gateway.example/a/b/c",
            "https://gateway.example/a/b/c/v1",
        ),
        (
            "https://gateway.example/v1/agi",
            "https://gateway.example/v1/agi/v1",
        ),
        (
            "https://gateway.example/xv1",
            "https://gateway.example/xv1/v1",
        ),
        (
            "https://gateway.example:8443",
            "https://gateway.example:8443/v1",
        ),
        (
            "https://[2001:db8::1]:8443/v1",
            "https://[2001:db8::1]:8443/v1",
        ),
        ("http://localhost:8080", "http://localhost:8080/v1"),
        ("http://LOCALHOST.:8080", "http://localhost.:8080/v1"),
        ("http://agi.localhost", "http://agi.localhost/v1"),
        ("http://127.0.0.1:4010/v1", "http://127.0.0.1:4010/v1"),
        ("http://127.8.9.10", "http://127.8.9.10/v1"),
        ("http://[::1]:8080", "http://[::1]:8080/v1"),
    ] {
        assert_eq!(with("base_url", given).unwrap().base_url(), used, "{given}");
        let env = [("AGI_API_KEY", KEY), ("AGI_BASE_URL", given)];
        assert_eq!(
            resolve(json!({}), &env).unwrap().base_url(),
            used,
            "{given}"
        );
    }
}

#[test]
fn the_callers_base_url_wins() {
    let env = [("AGI_BASE_URL", "https://other.example")];
    let options = json!({"api_key": KEY, "base_url": "https://mine.example"});
    assert_eq!(
        resolve(options, &env).unwrap().base_url(),
        "https://mine.example/v1"
    );
    // An empty variable is an unset one; a bad one does not matter then.
    let config = resolve(json!({"api_key": KEY}), &[("AGI_BASE_URL", " ")]).unwrap();
    assert_eq!(config.base_url(), "https://api.agi.tech/v1");
    let options = json!({"api_key": KEY, "base_url": "https://mine.example"});
    assert!(resolve(options, &[("AGI_BASE_URL", "nonsense")]).is_ok());
}

#[test]
fn base_urls_that_are_refused() {
    for (given, words) in [
        ("", &["`base_url`", "empty", "https://api.agi.tech/v1"][..]),
        ("  ", &["empty"]),
        ("api.agi.tech", &["`base_url`", "https://api.agi.tech/v1"]),
        ("api.agi.tech/v1", &["`base_url`"]),
        ("//api.agi.tech", &["`base_url`"]),
        ("/v1", &["`base_url`"]),
        ("localhost:8080", &["scheme", "localhost", "http or https"]),
        ("ftp://api.agi.tech", &["scheme", "ftp"]),
        ("ws://localhost", &["scheme", "ws"]),
        ("file:///etc/passwd", &["scheme", "file"]),
        ("https://", &["`base_url`"]),
        ("https://:443", &["`base_url`"]),
        ("https://host:99999", &["`base_url`", "port"]),
        ("https://api.agi.tech?x=1", &["query"]),
        ("https://api.agi.tech/v1#top", &["fragment"]),
        (
            "https://user@api.agi.tech",
            &["user name or password", "api_key"],
        ),
    ] {
        refused(with("base_url", given), words);
    }
    let env = [("AGI_API_KEY", KEY), ("AGI_BASE_URL", "nonsense")];
    refused(resolve(json!({}), &env), &["AGI_BASE_URL"]);
}

#[test]
fn a_password_in_an_address_is_not_repeated() {
    for url in [
        "https://user:hunter2@api.agi.tech",
        "ftp://user:hunter2@api.agi.tech",
        "https://user:hunter2@",
        "https://user:hunter2@host:99999",
    ] {
        let error = refused(with("base_url", url), &[]);
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let error = refused(
            with("proxy", url.replace("https://", "ftp://")),
            &["`proxy`"],
        );
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn plain_http_is_for_loopback() {
    for url in [
        "http://api.agi.tech",
        "http://192.168.0.1",
        "http://localhost.example",
        "http://notlocalhost",
        "http://127.0.0.1.example",
        "http://0.0.0.0",
        "http://[::2]",
        "http://128.0.0.1",
    ] {
        refused(
            with("base_url", url),
            &["unencrypted", "https://", "allow_insecure_http"],
        );
        let options = json!({"api_key": KEY, "base_url": url, "allow_insecure_http": true});
        assert!(resolve(options, &[]).is_ok(), "{url}");
    }
}

/// The proxy, if any, by the part of the debug text that is not secret.
fn uses_proxy(config: &ClientConfig, host: &str) -> bool {
    format!("{config:?}").contains(host)
}

#[test]
fn proxies_from_the_environment() {
    const HTTPS: &str = "https://api.agi.tech";
    const HTTP: &str = "http://gateway.example";
    for (base, name, used) in [
        (HTTPS, "HTTPS_PROXY", true),
        (HTTPS, "https_proxy", true),
        (HTTPS, "ALL_PROXY", true),
        (HTTPS, "all_proxy", true),
        (HTTPS, "HTTP_PROXY", false),
        (HTTP, "HTTP_PROXY", true),
        (HTTP, "http_proxy", true),
        (HTTP, "ALL_PROXY", true),
        (HTTP, "HTTPS_PROXY", false),
        ("http://127.0.0.1:1", "HTTP_PROXY", false),
        ("http://localhost", "ALL_PROXY", false),
        ("https://[::1]", "HTTPS_PROXY", false),
    ] {
        let options = json!({"api_key": KEY, "base_url": base, "allow_insecure_http": true});
        let config = resolve(options, &[(name, "http://proxy.test:3128")]).unwrap();
        assert_eq!(uses_proxy(&config, "proxy.test"), used, "{name} for {base}");
    }
}

#[test]
fn small_letters_come_first_and_empty_ones_turn_off() {
    let both = |small: &str| {
        let env = [("HTTPS_PROXY", "http://big.test"), ("https_proxy", small)];
        format!("{:?}", resolve(json!({"api_key": KEY}), &env).unwrap())
    };
    assert!(both("http://small.test").contains("small.test"));
    assert!(!both("").contains("big.test"));
}

#[test]
fn a_proxy_that_a_callers_header_named_is_not_used() {
    // A web server that runs CGI programs sets HTTP_PROXY from a header `Proxy`.
    let options =
        json!({"api_key": KEY, "base_url": "http://gateway.example", "allow_insecure_http": true});
    let env = [
        ("HTTP_PROXY", "http://evil.test"),
        ("REQUEST_METHOD", "GET"),
    ];
    let config = resolve(options.clone(), &env).unwrap();
    assert!(!uses_proxy(&config, "evil.test"));
    let env = [
        ("http_proxy", "http://proxy.test"),
        ("REQUEST_METHOD", "GET"),
    ];
    assert!(uses_proxy(&resolve(options, &env).unwrap(), "proxy.test"));
}

#[test]
fn the_callers_proxy_wins_and_serves_loopback_too() {
    let env = [
        ("HTTP_PROXY", "http://other.test"),
        ("NO_PROXY", "127.0.0.1"),
    ];
    let options = json!({
        "api_key": KEY, "base_url": "http://127.0.0.1", "proxy": "proxy.test:3128", "allow_insecure_http": true,
    });
    let config = resolve(options, &env).unwrap();
    assert!(uses_proxy(&config, "proxy.test"));
    assert!(!uses_proxy(&config, "other.test"));
}

#[test]
fn a_proxy_elsewhere_gets_no_key_unencrypted_without_leave() {
    let options =
        |proxy: &str| json!({"api_key": KEY, "base_url": "http://localhost:8080", "proxy": proxy});
    for proxy in [
        "http://proxy.test",
        "https://proxy.test",
        "socks5://10.0.0.1",
    ] {
        refused(
            resolve(options(proxy), &[]),
            &["allow_insecure_http", "localhost", "unencrypted"],
        );
        let mut allowed = options(proxy);
        allowed["allow_insecure_http"] = json!(true);
        assert!(resolve(allowed, &[]).is_ok());
    }
    assert!(resolve(options("http://127.0.0.1:3128"), &[]).is_ok());
    assert!(
        with("proxy", "http://proxy.test").is_ok(),
        "to https it is a tunnel"
    );
}

#[test]
fn no_proxy_exempts_hosts_before_the_proxy_is_looked_at() {
    for name in ["NO_PROXY", "no_proxy"] {
        for proxy in [
            "http://proxy.test",
            "no://proxy",
            "http://me:pa#ss@proxy.test",
        ] {
            let env = [("HTTPS_PROXY", proxy), (name, "agi.tech:443")];
            let config = resolve(json!({"api_key": KEY}), &env).unwrap();
            assert!(uses_proxy(&config, "proxy: None"), "{name} {proxy}");
        }
    }
}

#[test]
fn a_star_in_no_proxy_means_no_proxy_at_all() {
    for (list, used) in [
        ("*", false),
        ("other.test, * ", false),
        ("*.other.test", true),
    ] {
        let env = [("HTTPS_PROXY", "http://proxy.test"), ("NO_PROXY", list)];
        let config = resolve(json!({"api_key": KEY}), &env).unwrap();
        assert_eq!(uses_proxy(&config, "proxy.test"), used, "{list}");
    }
}

#[test]
fn proxies_that_are_refused() {
    for bad in [
        "",
        "http://",
        "ftp://proxy.test",
        "socks9://proxy.test",
        "socks5://",
        "http://host:port",
        "a b",
    ] {
        refused(
            with("proxy", bad),
            &["`proxy`", "http://proxy.example:3128"],
        );
        if !bad.is_empty() {
            refused(
                resolve(json!({"api_key": KEY}), &[("HTTPS_PROXY", bad)]),
                &["HTTPS_PROXY", "http://proxy.example:3128"],
            );
        }
    }
    // Where it is not used it does not matter.
    let options = json!({"api_key": KEY, "base_url": "http://localhost"});
    assert!(resolve(options, &[("HTTP_PROXY", "http://")]).is_ok());
}

#[test]
fn proxies_that_are_accepted() {
    for good in [
        "proxy.test:3128",
        "http://me:p%23ss@proxy.test",
        "https://proxy.test",
        "socks5://proxy.test",
        "SOCKS5H://proxy.test:1080",
        "socks4://10.0.0.1:1080",
        "socks4a://proxy.test",
        "socks://[::1]:1080",
        "http://me:a@b:c@proxy.test",
    ] {
        assert!(with("proxy", good).is_ok(), "{good}");
    }
}

#[test]
fn a_password_that_ends_an_address_is_to_be_encoded() {
    for (password, form) in [
        ("pa#ss", "%23"),
        ("pa/ss", "%2F"),
        ("12/ss", "%2F"),
        ("pa?ss", "%3F"),
        ("p\\s", "%5C"),
    ] {
        for scheme in ["", "http://", "socks5://"] {
            let error = refused(
                with("proxy", format!("{scheme}me:{password}@proxy.test:3128")),
                &["`proxy`", "ercent-encode", form],
            );
            assert!(!error.to_string().contains(password), "{error}");
        }
    }
}

#[test]
fn times_that_are_refused() {
    for name in ["timeout", "connect_timeout"] {
        for bad in [0.0, -0.0] {
            refused(with(name, bad), &[name, "positive number of seconds"]);
        }
        // No duration is negative: such a number is refused while it is read.
        let read = serde_json::from_value::<ClientOptions>(json!({name: -1.0}));
        let error = read.expect_err("it is refused").to_string();
        assert!(error.contains(name), "{error}");
        assert!(error.contains("positive number of seconds"), "{error}");
        for good in [0.001, 1.0, 1e9, f64::MAX] {
            assert!(with(name, good).is_ok(), "{name} {good}");
        }
    }
}

#[test]
fn headers_that_are_refused() {
    for name in ["", "a b", "a:b", "a\nb", "é"] {
        refused(with("headers", json!({name: "x"})), &["`headers`", "name"]);
    }
    for value in ["a\nb", "a\r\nX-Evil: 1", "nul\0"] {
        let error = refused(
            with("headers", json!({"x-token": value})),
            &["x-token", "value"],
        );
        assert!(!error.to_string().contains("Evil"), "{error}");
    }
    assert!(with("headers", json!({"X-Team": "blue", "x-empty": ""})).is_ok());
}

#[test]
fn headers_about_the_framing_or_the_hop_are_refused() {
    for name in [
        "Content-Length",
        "transfer-encoding",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Proxy-Connection",
        "Proxy-Authorization",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
    ] {
        let lower = name.to_ascii_lowercase();
        refused(
            with("headers", json!({name: "5"})),
            &["`headers`", &lower, "Leave it out"],
        );
        let config = with("timeout", 1.0).unwrap();
        let changes = sessionwire::OptionChanges::new().header(name, "5");
        assert!(config.changed(changes).is_err(), "{name}");
    }
}

#[test]
fn a_ca_file_that_cannot_be_read() {
    let missing = std::env::temp_dir().join("sessionwire-there-is-no-such-file.pem");
    let path = missing.to_str().unwrap();
    refused(with("ca_file", path), &["`ca_file`", path, "PEM"]);
    let folder = std::env::temp_dir();
    refused(
        with("ca_file", folder.to_str().unwrap()),
        &["`ca_file`", "PEM"],
    );
    refused(with("ca_file", ""), &["`ca_file`", "PEM"]);
    let no_certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    refused(
        with("ca_file", no_certificate),
        &["`ca_file`", "BEGIN CERTIFICATE"],
    );
}

#[test]
fn unknown_options_are_refused() {
    let error = serde_json::from_value::<ClientOptions>(json!({"apikey": "x"}))
        .expect_err("it is no option")
        .to_string();
    assert!(
        error.contains("apikey") && error.contains("api_key"),
        "{error}"
    );
    assert!(serde_json::from_value::<OptionChanges>(json!({"base_url": "x"})).is_err());
}

#[test]
fn a_copy_has_what_was_changed_and_keeps_the_rest() {
    let options =
        json!({"api_key": KEY, "timeout": 5, "headers": {"X-Team": "blue-team", "X-Old": "old"}});
    let config = resolve(options, &[]).unwrap();
    let changes = OptionChanges::new().timeout(Duration::from_millis(7500));
    let copy = config.changed(changes).unwrap();
    assert_eq!(copy.timeout(), Duration::from_millis(7500));
    assert_eq!(config.timeout(), Duration::from_secs(5));
    assert_eq!(copy.base_url(), config.base_url());

    let header = |name: &str, value: &str| OptionChanges::new().header(name, value);
    assert!(config.changed(header("x-team", "red")).is_ok());
    refused(config.changed(header("bad name", "x")), &["`headers`"]);
    let changes = OptionChanges::new().timeout(Duration::ZERO);
    refused(config.changed(changes), &["timeout"]);
}

#[test]
fn no_secret_is_shown() {
    let options = json!({
        "api_key": KEY,
        "proxy": "http://me:hunter2@proxy.test:3128",
        "headers": {"X-Token": "header-secret"},
    });
    let parsed: ClientOptions = serde_json::from_value(options.clone()).unwrap();
    let config = resolve(options, &[]).unwrap();
    for shown in [
        format!("{:?}", Secret::new(KEY)),
        format!("{parsed:?}"),
        format!("{parsed:#?}"),
        format!("{config:?}"),
        format!("{config:#?}"),
    ] {
        for secret in [KEY, "hunter2", "header-secret"] {
            assert!(!shown.contains(secret), "{secret} is in {shown}");
        }
    }
    let json = serde_json::to_string(&parsed).unwrap();
    assert!(!json.contains(KEY), "{json}");
    // What helps to find a mistake is shown.
    let shown = format!("{config:?}");
    for useful in ["https://api.agi.tech/v1", "proxy.test", "x-token"] {
        assert!(shown.contains(useful), "{useful} is not in {shown}");
    }
    let options = json!({"base_url": "https://me:hunter2@host.test", "api_key": KEY});
    let parsed: ClientOptions = serde_json::from_value(options).unwrap();
    assert!(!format!("{parsed:?}").contains("hunter2"));
}
