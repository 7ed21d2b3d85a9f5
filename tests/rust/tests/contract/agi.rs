//! Calls, streams and answers of the AGI service.

use serde_json::{Value, json};
use sessionwire::ErrorKind as Kind;
use sessionwire::agi::{Event, EventOptions, SendMessage};
use sessionwire_tests::calls::call;
use sessionwire_tests::raw::raw_stream;
use sessionwire_tests::{
    build, cases_of, check, client_with, emulator, emulator_with, fail, script, session,
};

pub(crate) async fn error(case: Value) {
    let id = case["id"].as_str().unwrap();
    let emulator = emulator().await;
    let client = client_with(&emulator, json!({"max_retries": 0}));
    let session = session(&client).await;
    fail(&emulator, case["fault"].clone());
    let outcome = call(&case, &client, &session).await;
    check(id, &outcome.expect_err(id), &case["expect"]);
}

pub(crate) async fn request(case: Value) {
    let id = case["id"].as_str().unwrap();
    let emulator = emulator().await;
    // An agent that is busy for as long as a case may take.
    script(
        &emulator,
        json!([{"steps": [{"delay": 3600}], "once": false}]),
    );
    // The client of a case may have little patience.
    let patient = client_with(&emulator, json!({}));
    let created = session(&patient).await;
    let options = case.get("client").cloned().unwrap_or(json!({}));
    let client = patient
        .with_options(serde_json::from_value(options).unwrap())
        .unwrap();
    let session = client.sessions().attach(created.id()).unwrap();
    emulator.clear_requests();
    for earlier in case["before"].as_array().into_iter().flatten() {
        call(earlier, &client, &session).await.expect(id);
    }
    for fault in case["faults"].as_array().unwrap() {
        fail(&emulator, fault.clone());
    }
    let outcome = call(&case, &client, &session).await;
    match (outcome, case["expect"].get("error")) {
        (Ok(_), None) => {}
        (Err(error), Some(wanted)) => check(id, &error, wanted),
        (outcome, _) => panic!("{id}: {outcome:?}"),
    }
    let requests: Vec<String> = emulator
        .requests()
        .iter()
        .map(|request| format!("{} {}", request.method, request.path))
        .collect();
    for (sent, count) in case["expect"]["sent"].as_object().unwrap() {
        let sent = sent.replace("{session}", session.id());
        let seen = requests.iter().filter(|request| **request == sent).count();
        assert_eq!(json!(seen), *count, "{id}: {sent} in {requests:?}");
    }
}

pub(crate) async fn stream(case: Value) {
    let id = case["id"].as_str().unwrap();
    let emulator = emulator_with(case.get("emulator").cloned().unwrap_or(json!({}))).await;
    script(&emulator, json!([{"steps": case["steps"]}]));
    let client = client_with(&emulator, case.get("client").cloned().unwrap_or(json!({})));
    let session = session(&client).await;
    for fault in case
        .get("faults")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        fail(&emulator, fault.clone());
    }
    let options = case.get("events").cloned().unwrap_or(json!({}));
    let (events, outcome) = if case.get("scope") == Some(&json!("session")) {
        session.send_message(SendMessage::new("go")).await.unwrap();
        let options = serde_json::from_value(options).unwrap();
        let mut stream = session.events(options).unwrap();
        let mut events = Vec::new();
        let mut outcome = Ok(Value::Null);
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => events.push(event),
                Err(error) => outcome = Err(error),
            }
        }
        (events, outcome)
    } else {
        let start = json!({"message": "go", "events": options});
        let start = serde_json::from_value(start).unwrap();
        let task = session.start_task(start).await.unwrap();
        let mut stream = task.events();
        let mut events = Vec::new();
        // An error of the stream is the result's too.
        while let Some(Ok(event)) = stream.next().await {
            events.push(event);
        }
        let result = task.result(None).await;
        (events, result.map(|result| json!(result.text)))
    };
    let ids: Vec<_> = events.iter().filter_map(Event::id).collect();
    let types: Vec<_> = events
        .iter()
        .map(|event| event.event_type().name().to_owned())
        .collect();
    let expect = &case["expect"];
    if let Some(range) = expect.get("ids") {
        let (first, last) = (range[0].as_i64().unwrap(), range[1].as_i64().unwrap());
        assert_eq!(ids, (first..=last).collect::<Vec<_>>(), "{id}");
    }
    if let Some(wanted) = expect.get("types") {
        assert_eq!(json!(types), *wanted, "{id}");
    }
    match (outcome, expect.get("error")) {
        (Ok(result), None) => assert_eq!(result, expect["result"], "{id}"),
        (Err(error), Some(wanted)) => check(id, &error, wanted),
        (outcome, _) => panic!("{id}: {outcome:?}"),
    }
}

pub(crate) async fn answer(case: Value) {
    let id = case["id"].as_str().unwrap();
    let emulator = emulator().await;
    let client = client_with(&emulator, json!({}));
    let session = session(&client).await;
    fail(
        &emulator,
        json!({"on": case["on"], "status": 200, "body": case["body"]}),
    );
    let answer = call(&case, &client, &session).await.expect(id);
    assert_holds(id, &answer, &case["expect"]);
}

/// The value has what a case names.
fn assert_holds(id: &str, value: &Value, expect: &Value) {
    match expect {
        Value::Array(items) => {
            assert_eq!(value.as_array().unwrap().len(), items.len(), "{id}");
            for (at, wanted) in items.iter().enumerate() {
                assert_holds(id, &value[at], wanted);
            }
        }
        Value::Object(fields) => {
            for (name, wanted) in fields {
                match name.as_str() {
                    // Here they stand beside the fields that are known.
                    "extra" => assert_holds(id, value, wanted),
                    "content" | "data" => assert_eq!(&value[name], wanted, "{id}: {name}"),
                    _ => assert_holds(id, &value[name], wanted),
                }
            }
        }
        _ => assert_eq!(value, expect, "{id}"),
    }
}

pub(crate) async fn event(case: Value) {
    let id = case["id"].as_str().unwrap();
    let url = raw_stream(case["stream"].as_str().unwrap().into()).await;
    let client = build(json!({"base_url": url, "api_key": "some-key"})).unwrap();
    let session = client.sessions().attach("s").unwrap();
    let mut stream = session.events(EventOptions::default()).unwrap();
    let event = stream.next().await.expect(id).expect(id);
    let shown = json!({
        "type": event.event_type().name(),
        "id": event.id(),
        "text": event.text(),
        "data": event.data(),
        "raw": event.raw(),
    });
    assert_eq!(shown, case["expect"], "{id}");
}

pub(crate) async fn bad_input(case: Value) {
    let id = case["id"].as_str().unwrap();
    let emulator = emulator().await;
    let client = client_with(&emulator, json!({}));
    let session = session(&client).await;
    emulator.clear_requests();
    let error = if case["call"] == "client" {
        let mut options = json!({"base_url": emulator.url(), "api_key": "some-key"});
        let fields = options.as_object_mut().unwrap();
        fields.extend(case["options"].as_object().unwrap().clone());
        build(options).expect_err(id)
    } else {
        call(&case, &client, &session).await.expect_err(id)
    };
    check(id, &error, &case["expect"]);
    assert_eq!(emulator.requests().len(), 0, "{id}: something was sent");
}

pub(crate) fn every_kind_of_error_has_a_case() {
    let cases = cases_of("errors.json");
    let known = |kind: Kind| {
        cases
            .iter()
            .any(|case| case["expect"]["name"] == kind.name())
    };
    // These come from elsewhere: see bad_input.json and the tests of tasks and streams.
    let others = [
        Kind::Config,
        Kind::InvalidRequest,
        Kind::Timeout,
        Kind::Stream,
        Kind::EventTooLarge,
        Kind::Task,
        Kind::QuestionPending,
        Kind::TaskTimeout,
        Kind::Webhook,
    ];
    for &kind in Kind::all() {
        assert!(
            known(kind) || others.contains(&kind),
            "errors.json has no case of {kind:?}"
        );
    }
}
