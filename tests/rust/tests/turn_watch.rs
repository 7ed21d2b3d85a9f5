//! The events of a session over all its turns, whoever starts them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use serde_json::json;
use sessionwire::raccoon::{
    Event, EventOptions, ResumePoint, RunTurn, Session, StartTurn, TurnMessage,
};
use sessionwire::{ErrorKind, EventStream};
use sessionwire_tests::turns::{client, client_with, fail, script};
use sessionwire_tests::{count, emulator, emulator_with, ids, until};

fn quick() -> EventOptions {
    EventOptions::new().poll_interval(Duration::from_millis(10))
}

fn watched(session: &Session, options: EventOptions) -> EventStream {
    session.events(options).unwrap()
}

async fn take(stream: &mut EventStream, number: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while events.len() < number {
        events.push(stream.next().await.expect("more").expect("an event"));
    }
    events
}

fn message_of(event: &Event) -> String {
    event.frame().unwrap().message_id.unwrap()
}

#[tokio::test]
async fn g01_turns_of_another_client_come_too_each_event_once() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"text": "a"}, {"wait_for_message": true}, {"text": "b"}]}]),
    );
    let session = client(&emulator).session().unwrap();
    // It is not there yet: its first turn creates it.
    let mut events = watched(&session, quick());
    let waiting = tokio::spawn(async move {
        let first = take(&mut events, 2).await;
        (events, first)
    });
    let looks = || count(&emulator, "GET", session.id());
    until("two looks", || looks() >= 2).await;
    let other = client(&emulator).continue_session(session.id()).unwrap();
    let turn = other.start_turn(StartTurn::new("one")).await.unwrap();
    let (mut events, first) = waiting.await.unwrap();
    assert_eq!(ids(&first), [1, 2]);
    // Nothing new: nothing comes, and what comes then is the rest.
    let before = looks();
    let rest = tokio::spawn(async move { (take(&mut events, 3).await, events) });
    until("two more looks", || looks() >= before + 2).await;
    turn.send_message(TurnMessage::new("go on")).await.unwrap();
    let (rest, mut events) = rest.await.unwrap();
    assert_eq!(ids(&rest), [3, 4, 5]);
    assert_eq!(message_of(&rest[2]), turn.message_id());
    turn.result(None).await.unwrap();
    let next = other.start_turn(StartTurn::new("two")).await.unwrap();
    let second = take(&mut events, 2).await;
    assert_eq!(ids(&second), [1, 2]);
    assert_eq!(message_of(&second[0]), next.message_id());
    next.stop(Duration::from_secs(10)).await.unwrap();
    let end = take(&mut events, 1).await;
    assert_eq!(end[0].event_type().name(), "task.aborted");
}

#[tokio::test]
async fn g01_it_goes_on_after_a_place_or_begins_now() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"text": "a"}, {"text": "b"}]}]),
    );
    let session = client(&emulator).session().unwrap();
    for _ in 0..2 {
        session.run_turn(RunTurn::new("go")).await.unwrap();
    }
    let all = take(&mut watched(&session, quick()), 8).await;
    assert_eq!(ids(&all), [1, 2, 3, 4, 1, 2, 3, 4]);
    for at in 0..8 {
        let frame = all[at].frame().unwrap();
        let mut point = ResumePoint::new(session.id(), message_of(&all[at]));
        point.last_event_id = all[at].id();
        point.last_stream_entry_id = frame.stream_entry_id;
        let mut events = watched(
            &session,
            quick().after(point).timeout(Duration::from_secs(20)),
        );
        let rest = take(&mut events, 7 - at).await;
        assert_eq!(ids(&rest), ids(&all[at + 1..]));
    }
    let mut events = watched(&session, quick().include_history(false));
    let began = tokio::spawn(async move { take(&mut events, 4).await });
    let before = count(&emulator, "GET", session.id());
    until("a look", || count(&emulator, "GET", session.id()) > before).await;
    let third = session.run_turn(RunTurn::new("go")).await.unwrap();
    let began = began.await.unwrap();
    assert_eq!(ids(&began), [1, 2, 3, 4]);
    assert_eq!(message_of(&began[0]), third.message_id);
}

/// Also where nobody reads yet: what happens after the first look is news.
#[tokio::test]
async fn g01_it_looks_at_once() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"text": "a"}]}]));
    let session = client(&emulator).session().unwrap();
    let old = session.run_turn(RunTurn::new("old")).await.unwrap();
    let before = count(&emulator, "GET", session.id());
    let mut events = watched(&session, quick().include_history(false));
    let looks = || count(&emulator, "GET", session.id());
    until("two looks", || looks() >= before + 2).await;
    let new = session.run_turn(RunTurn::new("new")).await.unwrap();
    assert_ne!(old.message_id, new.message_id);
    let read = take(&mut events, 3).await;
    assert_eq!(message_of(&read[0]), new.message_id);
}

#[tokio::test]
async fn g01_events_are_read_by_the_callers_own_function() {
    let emulator = emulator_with(json!({"dialect": {"envelope": "frames"}})).await;
    script(&emulator, json!([{"steps": [{"text": "a"}]}]));
    let options = json!({"decode_frame": "open_envelope"});
    let session = client_with(&emulator, options).session().unwrap();
    let mut events = watched(&session, quick());
    let reading = tokio::spawn(async move { take(&mut events, 6).await });
    for _ in 0..2 {
        session.run_turn(RunTurn::new("go")).await.unwrap();
    }
    let read = reading.await.unwrap();
    assert_eq!(ids(&read), [1, 2, 3, 1, 2, 3]);
    assert_eq!(read[1].text(), "a");
}

/// However the service numbers them (docs/spec/raccoon.md, section 5.7).
#[tokio::test]
async fn g01_odd_ids_lose_and_repeat_nothing() {
    for (dialect, entry_ids) in [
        (json!({"event_ids": "restarting"}), true),
        (json!({"event_ids": "still"}), true),
        (json!({"event_ids": "restarting"}), false),
        (json!({"event_ids": "text"}), false),
        (json!({"camel_case": true, "text": "cumulative"}), true),
        (
            json!({"payload": "flat", "kinds": {"text": "text_chunk"}}),
            true,
        ),
    ] {
        let emulator = emulator_with(json!({"dialect": dialect, "entry_ids": entry_ids})).await;
        script(
            &emulator,
            json!([{"steps": [{"repeat": 20, "steps": [{"text": "t{n} "}, {"delay": 0.005}]}]}]),
        );
        let session = client(&emulator).session().unwrap();
        let mut events = watched(&session, quick());
        let reading = tokio::spawn(async move { take(&mut events, 44).await });
        for _ in 0..2 {
            session.run_turn(RunTurn::new("go")).await.unwrap();
        }
        let read = reading.await.unwrap();
        let texts = read
            .iter()
            .filter(|event| event.event_type().name() == "text");
        let last = texts.map(Event::text).collect::<Vec<_>>();
        assert_eq!(last.len(), 40, "{dialect}");
        assert!(last[39].ends_with("t20 "), "{dialect} {last:?}");
        assert_eq!(read[43].event_type().name(), "task.completed", "{dialect}");
    }
}

#[tokio::test]
async fn a_session_that_is_deleted_ends_it_and_says_so() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"text": "a"}]}]));
    let session = client(&emulator).session().unwrap();
    session.run_turn(RunTurn::new("go")).await.unwrap();
    let mut events = watched(&session, quick());
    let all = take(&mut events, 3).await;
    session.delete().await.unwrap();
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::Stream, Some("session_gone"))
    );
    assert_eq!(error.session_id(), Some(session.id()));
    assert_eq!(error.message_id(), Some(&*message_of(&all[2])));
    assert_eq!(error.last_event_id(), all[2].id());
    assert!(events.next().await.is_none());
    // Nor does one begin after a place in it.
    let point = ResumePoint::new(session.id(), message_of(&all[2]));
    let mut events = watched(&session, quick().after(point));
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some("session_gone"));
}

#[tokio::test]
async fn g04_it_ends_at_its_time_and_with_its_client() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"text": "a"}]}]));
    let client = client(&emulator);
    let session = client.session().unwrap();
    let mut events = watched(&session, quick().timeout(Duration::from_millis(50)));
    assert!(events.next().await.is_none());
    session.run_turn(RunTurn::new("go")).await.unwrap();
    let mut events = watched(&session, quick().timeout(Duration::from_millis(1500)));
    let mut read = Vec::new();
    while let Some(event) = events.next().await {
        read.push(event.unwrap());
    }
    assert_eq!(ids(&read), [1, 2, 3]);
    let mut events = watched(&session, quick());
    take(&mut events, 3).await;
    client.close();
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some("client_closed"));
}

#[tokio::test]
async fn g04_looks_that_fail_are_repeated_and_given_up_after_so_many() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"text": "a"}]}]));
    let client = client_with(&emulator, json!({"max_retries": 0}));
    let session = client.session().unwrap();
    session.run_turn(RunTurn::new("go")).await.unwrap();
    for fault in [
        json!({"on": "get", "status": 503, "times": 2}),
        json!({"on": "get", "reset": true, "times": 2}),
        json!({"on": "get", "status": 200, "body": "<html>", "times": 2}),
    ] {
        fail(&emulator, fault);
        let mut events = watched(&session, quick());
        assert_eq!(ids(&take(&mut events, 3).await), [1, 2, 3]);
    }
    // A page that a gateway answers for a while is no deleted session.
    let mut events = watched(&session, quick());
    take(&mut events, 3).await;
    fail(
        &emulator,
        json!({"on": "get", "status": 404, "body": "<html>", "times": 2}),
    );
    let turn = session.run_turn(RunTurn::new("again")).await.unwrap();
    let again = take(&mut events, 3).await;
    assert_eq!(message_of(&again[0]), turn.message_id);
    fail(&emulator, json!({"on": "get", "status": 503, "times": 0}));
    let mut events = watched(&session, quick().max_reconnects(1));
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::Stream, Some("reconnect_failed"))
    );
    assert!(error.to_string().contains("2 times in a row"), "{error}");
    emulator.clear_faults();
    fail(&emulator, json!({"on": "get", "status": 401, "times": 0}));
    let mut events = watched(&session, quick());
    let error = events.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
}

#[tokio::test]
async fn bad_input_sends_nothing() {
    let emulator = emulator().await;
    let session = client(&emulator).session().unwrap();
    let other = client(&emulator).session().unwrap();
    let here = ResumePoint::new(session.id(), "msg_a1");
    for (options, text) in [
        (quick().poll_interval(Duration::ZERO), "`poll_interval`"),
        (quick().timeout(Duration::ZERO), "`timeout`"),
        (
            quick().after(ResumePoint::new(other.id(), "msg_a1")),
            "`after` is a place in the session",
        ),
        (
            quick().after(ResumePoint::new(session.id(), "")),
            "`after` names no message",
        ),
        (
            quick().after(here).include_history(false),
            "`after` says where to begin",
        ),
    ] {
        let error = session.events(options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(emulator.requests().len(), 0);
}
