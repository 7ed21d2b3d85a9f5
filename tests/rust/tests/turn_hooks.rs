//! `decode_frame` and `decode_answer` against the emulator; what all languages share is in
//! `tests/contract/turn_hooks.json`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sessionwire::ErrorKind;
use sessionwire::raccoon::{
    AnswerDecoder, Attach, Client, FrameDecoder, ListSessions, RaccoonConfig, RaccoonOptions,
    RawRequest, RunTurn, StartTurn, Upload, UploadProgress, UploadSource,
};
use sessionwire_emulator::Emulator;
use sessionwire_tests::turns::{client, client_with, fail, kinds, script};
use sessionwire_tests::{all, emulator, emulator_with, ids};

fn hooked(emulator: &Emulator, set: impl FnOnce(RaccoonOptions) -> RaccoonOptions) -> Client {
    let options = json!({"base_url": emulator.raccoon_url(), "api_key": emulator.api_key()});
    let options = set(serde_json::from_value(options).unwrap());
    Client::new(RaccoonConfig::resolve_with(options, &|_| None).unwrap()).unwrap()
}

/// What a hook was called with.
type Seen = Arc<Mutex<Vec<Value>>>;

#[tokio::test]
async fn each_frame_of_a_socket_comes_once_and_in_order_before_it_is_read() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"thought": "hm"}, {"text": "a"}, {"complete": true}]}]),
    );
    fail(
        &emulator,
        json!({"on": "socket", "insert": "no JSON", "insert_after": 1}),
    );
    let seen = Seen::default();
    let noted = seen.clone();
    let client = hooked(&emulator, |options| {
        options.decode_frame(FrameDecoder::new(move |frame| {
            noted.lock().unwrap().push(frame.clone());
            Ok(Some(frame).filter(Value::is_object))
        }))
    });
    let turn = client.start_turn(client.session().unwrap().id(), StartTurn::new("go"));
    let turn = turn.await.unwrap();
    let events = all(&mut turn.events()).await;
    assert_eq!(ids(&events), [1, 2, 3, 4]);
    let seen = seen.lock().unwrap();
    let shown: Vec<_> = seen
        .iter()
        .map(|frame| match frame["event_id"].as_i64() {
            Some(id) => id.to_string(),
            None => frame["type"]
                .as_str()
                .or(frame.as_str())
                .unwrap()
                .to_owned(),
        })
        .collect();
    assert_eq!(shown, ["ack", "1", "no JSON", "2", "3", "4"]);
    assert_eq!(turn.state().resume_from.as_deref(), Some("0-0"));
}

#[tokio::test]
async fn g01_a_turn_that_a_hook_failed_on_goes_on_elsewhere() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"thought": "hm"}, {"text": "a"}, {"text": "b"}, {"complete": true}]}]),
    );
    let broken = json!({"decode_frame": "fail_at_text"});
    let broken = client_with(&emulator, broken);
    let session = broken.session().unwrap();
    let turn = session.start_turn(StartTurn::new("go")).await.unwrap();
    let mut stream = turn.events();
    let mut before = Vec::new();
    let error = loop {
        match stream.next().await.expect("an error") {
            Ok(event) => before.push(event),
            Err(error) => break error,
        }
    };
    assert_eq!(ids(&before), [1, 2]);
    assert_eq!(error.kind(), ErrorKind::Stream);
    assert_eq!(error.session_id(), Some(turn.session_id()));
    assert_eq!(error.message_id(), Some(turn.message_id()));
    assert_eq!(error.last_event_id(), Some(2));
    let shown = error.to_string();
    for part in ["`decode_frame` failed: no such frame", "\"event_id\":3"] {
        assert!(shown.contains(part), "{shown}");
    }
    let told = turn.result(None).await.unwrap_err();
    assert_eq!(told.reason(), Some("decode_frame"), "{told}");
    // The history is there all the same, and the rest of the turn.
    let history = session.history().await.unwrap();
    assert_eq!(history.messages[1].events.len(), 5);
    let rest = client(&emulator);
    let rest = rest
        .attach(Attach::resume(&turn.resume_point()))
        .await
        .unwrap();
    assert_eq!(ids(&all(&mut rest.events()).await), [3, 4, 5]);
    assert_eq!(rest.result(None).await.unwrap().text, "ab");
}

#[tokio::test]
async fn a_panic_in_a_hook_is_its_failure() {
    let emulator = emulator().await;
    let frames = hooked(&emulator, |options| {
        options.decode_frame(FrameDecoder::new(|_| panic!("oh no")))
    });
    let run = frames.session().unwrap().run_turn(RunTurn::new("go")).await;
    let error = run.unwrap_err();
    assert!(error.to_string().contains("it panicked: oh no"), "{error}");
    let answers = hooked(&emulator, |options| {
        options.decode_answer(AnswerDecoder::new(|_, _, _| panic!("oh {}", "dear")))
    });
    let run = answers
        .session()
        .unwrap()
        .run_turn(RunTurn::new("go"))
        .await;
    let error = run.unwrap_err();
    assert!(
        error.to_string().contains("it panicked: oh dear"),
        "{error}"
    );
    assert!(
        error.maybe_delivered() && error.session_id().is_some(),
        "{error}"
    );
}

#[tokio::test]
async fn each_operation_names_itself_to_decode_answer() {
    let emulator = emulator_with(json!({"dialect": {"envelope": "responses"}})).await;
    script(&emulator, json!([{"steps": [{"complete": "done"}]}]));
    let seen = Seen::default();
    let noted = seen.clone();
    let client = hooked(&emulator, |options| {
        options.decode_answer(AnswerDecoder::new(move |operation, status, body| {
            noted.lock().unwrap().push(json!([operation, status]));
            Ok(serde_json::from_str(
                body["envelope"].as_str().ok_or("no envelope")?,
            )?)
        }))
    });
    let session = client.session().unwrap();
    session.run_turn(RunTurn::new("go")).await.unwrap();
    seen.lock().unwrap().clear();
    let upload = Upload::new(session.id()).name("a.txt");
    let upload = client.upload(upload, UploadSource::bytes("x"), UploadProgress::new());
    assert_eq!(upload.await.unwrap().size, 1);
    session.rename("Digest").await.unwrap();
    assert_eq!(session.history().await.unwrap().session.title, "Digest");
    let mut list = client.sessions().list(ListSessions::new());
    assert_eq!(list.next().await.unwrap().unwrap().session_id, session.id());
    // Any other request is read by whoever makes it.
    let raw = client.request(RawRequest::new("GET", "/sessions")).await;
    assert!(format!("{:?}", raw.unwrap()).contains("envelope"));
    assert!(session.delete().await.unwrap().deleted);
    let names = [
        "upload",
        "rename_session",
        "get_session",
        "list_sessions",
        "delete_session",
    ];
    let wanted: Vec<_> = names.map(|name| json!([name, 200])).into();
    assert_eq!(*seen.lock().unwrap(), wanted);
}

#[tokio::test]
async fn an_event_of_a_history_that_nobody_can_read_is_an_error_of_its_turn_alone() {
    let emulator = emulator_with(json!({"dialect": {"envelope": "frames"}})).await;
    script(
        &emulator,
        json!([{"steps": [{"text": "a"}, {"text": "b"}, {"complete": true}]}]),
    );
    fail(&emulator, json!({"on": "socket", "end_after": 1}));
    let opened = Mutex::new(0);
    let client = hooked(&emulator, |options| {
        options.decode_frame(FrameDecoder::new(move |frame| {
            let mut opened = opened.lock().unwrap();
            *opened += 1;
            // The ack and the first event.
            match *opened > 2 {
                true => Err("it is stuck".into()),
                false => Ok(Some(serde_json::from_str(
                    frame["envelope"].as_str().ok_or("no envelope")?,
                )?)),
            }
        }))
    });
    let session = client.session().unwrap();
    let turn = session.start_turn(StartTurn::new("go")).await.unwrap();
    let error = turn.result(None).await.unwrap_err();
    assert_eq!(error.reason(), Some("decode_frame"), "{error}");
    assert_eq!(error.message_id(), Some(turn.message_id()), "{error}");
    let history = session.history().await.unwrap();
    let events = &history.messages[1].events;
    assert!(events.iter().all(|event| event.get().contains("envelope")));
    assert_eq!(events.len(), 4);
}

#[tokio::test]
async fn a_copy_of_a_client_has_its_hooks() {
    let emulator = emulator_with(json!({"dialect": {"envelope": "all"}})).await;
    script(
        &emulator,
        json!([{"steps": [{"text": "a"}, {"complete": true}]}]),
    );
    let both = json!({"decode_frame": "open_envelope", "decode_answer": "open_envelope"});
    let client = client_with(&emulator, both);
    let copy = client
        .with_options(sessionwire::OptionChanges::new().max_retries(0))
        .unwrap();
    let session = copy.session().unwrap();
    let turn = session.start_turn(StartTurn::new("go"));
    let turn = turn.await.unwrap();
    let events = all(&mut turn.events()).await;
    assert_eq!(
        kinds(&events),
        ["message.received", "text", "task.completed"]
    );
    assert!(format!("{:?}", RaccoonOptions::new()).contains("decode_frame"));
}

#[tokio::test]
async fn a_run_without_a_known_end_says_which_setting_names_it() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"text": "x"}, {"event": "finito", "payload": {}}, {"wait_for_stop": true}]}]),
    );
    let session = client(&emulator).session().unwrap();
    let run = RunTurn::new("go").timeout(std::time::Duration::from_secs(1));
    let error = session.run_turn(run).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskTimeout);
    let shown = error.to_string();
    assert!(
        shown.contains("\"finito\"") && shown.contains("`completed_kinds`"),
        "{shown}"
    );
}
