//! With everything logged and every failure provoked, the key is shown
//! nowhere. Alone in its process, because it reads what is logged there.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};
use sessionwire_tests::calls::call;
use sessionwire_tests::{build, cases_of, emulator, fail, logs, session};

const KEY: &str = "sk-very/secret key+0123456789";

/// The same failure, of a server that repeats the key wherever it can.
fn echoing(fault: &Value) -> Value {
    let mut fault = fault.clone();
    if fault.get("status").is_some() {
        fault["body"] = match &fault["body"] {
            Value::Object(body) => {
                let mut body = body.clone();
                body.insert("echo".to_owned(), json!(KEY));
                json!(body)
            }
            body => json!(format!("{} {KEY}", body.as_str().unwrap_or_default())),
        };
        if fault.get("headers").is_none() {
            fault["headers"] = json!({});
        }
        fault["headers"]["X-Echo"] = json!(KEY);
    }
    fault
}

#[tokio::test]
async fn g07_the_key_is_in_no_error_log_or_repr() {
    let written = logs::capture();
    let emulator = emulator().await;
    let options = json!({"base_url": emulator.url(), "api_key": KEY, "max_retries": 0});
    let client = build(options).unwrap();
    let session = session(&client).await;
    let mut shown = Vec::new();
    for case in cases_of("errors.json") {
        emulator.clear_faults();
        fail(&emulator, echoing(&case["fault"]));
        let error = call(&case, &client, &session)
            .await
            .expect_err(case["id"].as_str().unwrap());
        shown.push(format!("{error} {error:?} {}", error.to_json()));
    }
    emulator.clear_faults();
    // Who mixes up the arguments shows the key to the server, but not to the log.
    let error = client.sessions().get(KEY).await.unwrap_err();
    shown.push(format!("{error} {error:?} {}", error.to_json()));
    shown.push(format!("{client:?} {:?} {session:?}", client.config()));
    let logged: String = written
        .text()
        .lines()
        .filter(|line| line.starts_with("sessionwire"))
        .filter(|line| !line.starts_with("sessionwire_emulator"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(logged.contains("attempt=1"), "{logged}");
    shown.push(logged);
    for text in &shown {
        for form in [
            "very/secret",
            "very%2Fsecret",
            "secret key",
            "secret+key",
            "secret%20key",
            "0123456789",
        ] {
            assert!(!text.contains(form), "{form} in {text}");
        }
    }
}
