//! Local development: pages of other origins, and the address behind a forwarder.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Emulator, Options};

/// The path of an address of the emulator.
fn path(url: &str) -> &str {
    &url[url.find("/live/").unwrap()..]
}

fn visitor(emulator: &Emulator) -> Client {
    Client::with_authorization(emulator, "")
}

#[tokio::test]
async fn only_named_origins_may_use_the_api_and_none_the_live_view() {
    let own = "http://localhost:5173";
    let emulator = start(Options {
        cors_origins: vec![own.to_owned()],
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let preflight = async |origin: &str, path: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "authorization,content-type",
            ),
        ];
        let sent = visitor(&emulator);
        sent.raw_with("OPTIONS", path, &headers, None)
            .await
            .unwrap()
    };
    let allowed = preflight(own, "/v1/sessions").await;
    assert_eq!(allowed.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", own),
        ("access-control-allow-headers", "authorization,content-type"),
        ("vary", "origin"),
    ] {
        assert_eq!(allowed.headers[name], value);
    }
    let headers = [("origin", own)];
    let answer = client.raw_with("POST", "/v1/sessions", &headers, Some("{}"));
    let answer = answer.await.unwrap();
    assert_eq!(answer.headers["access-control-allow-origin"], own);
    // A refusal can be read, too.
    let keyless = visitor(&emulator);
    let answer = keyless.raw_with("GET", "/v1/sessions", &headers, None);
    let answer = answer.await.unwrap();
    assert_eq!(
        (
            answer.status,
            &*answer.headers["access-control-allow-origin"]
        ),
        (401, own)
    );

    let live = format!("{}faults", path(emulator.live_url()));
    for (origin, path) in [("http://localhost:5174", "/v1/sessions"), (own, &live)] {
        let refused = preflight(origin, path).await;
        assert!(
            !refused.headers.contains_key("access-control-allow-origin"),
            "{origin} {path}"
        );
        assert_ne!(refused.status, 204);
    }
    let without = start(quick()).await;
    let client = Client::new(&without);
    let answer = client.raw_with("GET", "/v1/sessions", &headers, None);
    let answer = answer.await.unwrap();
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn behind_a_forwarder_its_address_is_the_public_one() {
    let site = Site::start(|_| (204, Vec::new(), Vec::new())).await;
    let public = "https://abc.forwarder.example";
    let emulator = start(Options {
        public_url: Some(format!("{public}/")),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    assert!(emulator.url().starts_with("http://127.0.0.1:"));
    assert!(emulator.live_url().starts_with(&format!("{public}/live/")));
    let hook = json!({ "webhook_url": site.url });
    let created = client.post("/sessions", hook).await.json();
    let url = created["vnc_url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&format!("{public}/live/")), "{url}");
    let told = eventually(|| async { site.received().first().cloned() }).await;
    let told: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(told["session"]["vnc_url"], url);
    // The forwarder passes its own host on, and the page in the browser its origin.
    let forwarded = visitor(&emulator).for_host("abc.forwarder.example");
    let page = forwarded.raw("GET", path(&url), None).await.unwrap();
    assert_eq!(page.status, 200);
    let origin = [("origin", public)];
    let cancel = format!("{}cancel", path(&url));
    let pressed = forwarded.raw_with("POST", &cancel, &origin, None);
    assert_eq!(pressed.await.unwrap().status, 200);
}

#[tokio::test]
async fn what_is_no_origin_or_address_is_refused_at_the_start() {
    for (options, why) in [
        (
            Options {
                cors_origins: vec!["*".to_owned()],
                ..quick()
            },
            "cors_origins has `*`",
        ),
        (
            Options {
                public_url: Some("h.example/x".to_owned()),
                ..quick()
            },
            "public_url is `h.example/x`",
        ),
    ] {
        let error = Emulator::start(options).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
