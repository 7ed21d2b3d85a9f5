//! A service that says the key back.

use std::time::Duration;

use serde_json::{Value, json};
use sessionwire::agi::RunTask;
use sessionwire::raccoon::StartTurn;
use sessionwire::{Error, log};
use sessionwire_tests::{build, contract, emulator_with, fail, session, turns};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

pub(crate) async fn g07_no_form_of_the_key_is_shown(case: Value) {
    let file = contract("echoes.json");
    let key = file["key"].as_str().unwrap();
    let id = case["id"].as_str().unwrap();
    let forms = file["forms"].as_object().unwrap();
    log::set_enabled(true);
    for (name, form) in forms {
        let error = attempt(&echoing(&case, form), key).await;
        let fields: Value = serde_json::from_str(&error.to_json()).unwrap();
        assert_eq!(fields["name"], case["error"], "{id}, {name}: {error}");
        let mut seen = format!("{error}\n{error:?}\n{fields}");
        let mut source = std::error::Error::source(&error);
        while let Some(below) = source {
            seen.push_str(&format!("\n{below}\n{below:?}"));
            source = below.source();
        }
        let silent = case["silent"] == true;
        assert_eq!(seen.contains("[redacted]"), !silent, "{id}, {name}: {seen}");
        for record in log::take() {
            seen.push('\n');
            seen.push_str(&record.text);
        }
        // A quotation adds backslashes, or takes them.
        let bare = seen.replace('\\', "");
        for form in forms.values().map(|form| form.as_str().unwrap()) {
            assert!(
                !seen.contains(form) && !bare.contains(&form.replace('\\', "")),
                "{id}, {name}: {form} in {seen}"
            );
        }
    }
}

/// The case with this in the place of `{echo}`.
fn echoing(case: &Value, form: &Value) -> Value {
    let quoted = form.to_string();
    let text = case.to_string();
    serde_json::from_str(&text.replace("{echo}", &quoted[1..quoted.len() - 1])).unwrap()
}

async fn attempt(case: &Value, key: &str) -> Error {
    if case["call"] == "proxied" {
        return proxied(case["answer"].as_str().unwrap(), key).await;
    }
    let emulator = emulator_with(json!({"api_keys": [key]})).await;
    let part = |name: &str| case.get(name).cloned().unwrap_or(json!([]));
    let scenario = json!({"tasks": part("tasks"), "turns": part("turns")});
    emulator.scenario(serde_json::from_value(scenario).unwrap());
    for fault in part("faults").as_array().unwrap() {
        fail(&emulator, fault.clone());
    }
    let limit = Some(Duration::from_secs(10));
    if case["call"] == "turn" {
        let client = turns::client_with(&emulator, json!({"api_key": key, "max_retries": 0}));
        let mut start = StartTurn::new("go");
        start.events.max_reconnects = 0;
        let turn = client.session().unwrap().start_turn(start).await.unwrap();
        return turn.result(limit).await.unwrap_err();
    }
    let options = json!({"base_url": emulator.url(), "api_key": key, "max_retries": 0});
    let client = build(options).unwrap();
    if case["call"] == "task" {
        let session = session(&client).await;
        return session.run_task(RunTask::new("go")).await.unwrap_err();
    }
    client.sessions().list().await.unwrap_err()
}

async fn proxied(answer: &str, key: &str) -> Error {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let options = json!({
        "base_url": "https://service.invalid", "api_key": key, "max_retries": 0, "proxy": proxy,
    });
    let client = build(options).unwrap();
    let sessions = client.sessions();
    // The client may ask twice, to learn the status.
    let refuse = async {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    };
    tokio::select! {
        listed = sessions.list() => listed.unwrap_err(),
        () = refuse => unreachable!("it accepts for ever"),
    }
}
