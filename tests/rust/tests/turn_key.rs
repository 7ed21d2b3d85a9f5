//! The key stands in the URL of a turn's socket: it is shown nowhere. Alone in
//! its process, because it reads what is logged there.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use serde_json::json;
use sessionwire::raccoon::{Attach, StartTurn};
use sessionwire_tests::turns::{client_with, fail, script};
use sessionwire_tests::{emulator_with, logs, until};

#[tokio::test]
async fn g07_the_key_is_in_no_error_log_or_repr() {
    let secret = "sk-very/secret key+1";
    let written = logs::capture();
    let emulator = emulator_with(json!({"api_keys": [secret]})).await;
    let client = client_with(&emulator, json!({"api_key": secret}));
    script(
        &emulator,
        json!([{"steps": [{"text": "x"}, {"wait_for_stop": true}]}]),
    );
    let session = client.session().unwrap();
    let turn = session.start_turn(StartTurn::new("x")).await.unwrap();
    until("the text", || turn.state().text == "x").await;
    let mut shown = vec![format!(
        "{client:?} {:?} {turn:?} {session:?}",
        client.config()
    )];
    for fault in [
        json!({"on": "socket", "status": 404, "body": secret}),
        json!({"on": "socket", "status": 401, "body": "?token=sk-very%2Fsecret%20key%2B1"}),
        json!({"on": "socket", "status": 302, "headers": {"Location": "http://evil.example/?token=sk-very%2Fsecret%20key%2B1"}}),
        json!({"on": "socket", "status": 200}),
        json!({"on": "socket", "end_after": 0, "close_code": 1008, "close_reason": format!("bad {secret}")}),
    ] {
        if fault["close_reason"].is_string() {
            // From here on the service says the key itself, and the WebSocket
            // library notes what it received at the level `debug`.
            let logged = written.text();
            for target in ["sessionwire", "tungstenite", "hyper"] {
                assert!(logged.contains(target), "nothing of {target} was logged");
            }
            shown.push(logged);
        }
        fail(&emulator, fault);
        let error = client
            .attach(Attach::new(session.id(), turn.message_id()))
            .await
            .unwrap()
            .result(Some(Duration::from_millis(500)))
            .await
            .unwrap_err();
        shown.push(format!("{error} {error:?} {}", error.to_json()));
    }
    turn.stop(Duration::from_secs(10)).await.unwrap();
    for text in &shown {
        for form in [
            "very/secret",
            "very%2Fsecret",
            "secret key",
            "secret+key",
            "secret%20key",
        ] {
            assert!(!text.contains(form), "{form} is in: {text}");
        }
    }
}
