//! Tasks: bound to their own result, with questions, timeouts and errors.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use serde_json::json;
use sessionwire::ErrorKind;
use sessionwire::agi::{EventType, RunTask, SendMessage, StartTask, WaitOptions};
use sessionwire_tests::{all, client, count, emulator, fail, ids, long_task, script, session};

#[tokio::test]
async fn runs_a_task_and_deletes_the_session() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let result = session(&client)
        .await
        .scoped(|session| async move {
            session
                .run_task(RunTask::new("Count the words: one two three"))
                .await
        })
        .await
        .unwrap();
    assert!(!result.text.is_empty());
    assert!(result.data.is_object());
    assert_eq!(emulator.session_count(), 0);
}

#[tokio::test]
async fn g01_every_event_once_in_order_over_constant_cuts() {
    let emulator = emulator().await;
    script(&emulator, long_task(999));
    fail(
        &emulator,
        json!({"on": "events", "cut_after": 7, "times": 0}),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("think")).await.unwrap();
    let events = all(&mut task.events()).await;
    // Id 1 is the message that started the task.
    assert_eq!(ids(&events), (2..=1001).collect::<Vec<_>>());
    let result = task.result(None).await.unwrap();
    assert_eq!(result.data["count"], 999);
    assert!(count(&emulator, "GET", "/events") > 1, "the stream was cut");
}

#[tokio::test]
async fn g01_a_session_stream_survives_cuts_too() {
    for action in ["cut_after", "close_after", "end_after"] {
        let emulator = emulator().await;
        script(&emulator, long_task(50));
        fail(&emulator, json!({"on": "events", action: 9, "times": 0}));
        let client = client(&emulator);
        let session = session(&client).await;
        session
            .start_task(StartTask::new("think"))
            .await
            .unwrap()
            .close();
        let events = all(&mut session.events(Default::default()).unwrap()).await;
        assert_eq!(ids(&events), (2..=52).collect::<Vec<_>>(), "{action}");
    }
}

#[tokio::test]
async fn g01_lost_and_doubled_events_are_mended() {
    let emulator = emulator().await;
    script(&emulator, long_task(40));
    fail(&emulator, json!({"on": "events", "cut_after": 10}));
    fail(
        &emulator,
        json!({"on": "events", "drop_ids": [15, 16, 30], "duplicate": true}),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("think")).await.unwrap();
    let events = all(&mut task.events()).await;
    assert_eq!(ids(&events), (2..=42).collect::<Vec<_>>());
}

#[tokio::test]
async fn g02_the_second_result_is_the_second_tasks() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([
            {"match": "first", "steps": [{"thought": "a"}, {"done": "the first result"}]},
            {"match": "second", "steps": [{"thought": "b"}, {"done": "the second result"}]},
        ]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let first = session.run_task(RunTask::new("the first")).await.unwrap();
    let task = session
        .start_task(StartTask::new("the second"))
        .await
        .unwrap();
    let events = all(&mut task.events()).await;
    let second = task.result(None).await.unwrap();
    assert_eq!(
        (first.text.as_str(), second.text.as_str()),
        ("the first result", "the second result")
    );
    let texts: Vec<_> = events.iter().map(|event| event.text()).collect();
    assert_eq!(texts, ["b", "the second result"]);
    assert!(
        second
            .messages
            .iter()
            .all(|message| message.id > first.message_id.unwrap())
    );
}

#[tokio::test]
async fn g02_a_question_is_never_a_result() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"question": "Which one?"}, {"done": "You chose {answer}"}]}]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("choose")).await.unwrap();
    let pending = task
        .result(Some(Duration::from_secs(20)))
        .await
        .unwrap_err();
    assert_eq!(pending.kind(), ErrorKind::QuestionPending);
    assert_eq!(pending.question().unwrap().text(), "Which one?");
    task.answer("the blue one").await.unwrap();
    assert_eq!(
        task.result(None).await.unwrap().text,
        "You chose the blue one"
    );
    let refused = task.answer("again").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn g02_an_answer_to_a_question_that_is_over_is_not_sent() {
    for over in ["cancelled", "answered", "switched"] {
        let emulator = emulator().await;
        script(
            &emulator,
            json!([{"once": false, "steps": [{"question": "Pay for {task}?"}, {"done": "{answer}"}]}]),
        );
        let client = client(&emulator);
        let session = session(&client).await;
        let task = session.start_task(StartTask::new("a car")).await.unwrap();
        let asked = task.result(None).await.unwrap_err();
        assert_eq!(asked.kind(), ErrorKind::QuestionPending, "{asked}");
        // Another program, whose doings this task does not see at once.
        task.close();
        let elsewhere = sessionwire_tests::client(&emulator);
        let other = elsewhere.sessions().attach(session.id()).unwrap();
        let next = match over {
            "cancelled" => {
                other.cancel().await.unwrap();
                None
            }
            "answered" => {
                other.send_message(SendMessage::new("yes")).await.unwrap();
                None
            }
            _ => Some(other.switch_to(StartTask::new("a mug")).await.unwrap()),
        };
        let sent = count(&emulator, "POST", "/message");
        let refused = task.answer("no, never").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Task, "{over}: {refused}");
        assert_eq!(
            refused.reason(),
            Some("question_closed"),
            "{over}: {refused}"
        );
        assert!(
            refused.message().contains("Nothing was sent"),
            "{over}: {refused}"
        );
        assert_eq!(count(&emulator, "POST", "/message"), sent, "{over}");
        if let Some(next) = next {
            let asked = next.result(None).await.unwrap_err();
            assert!(asked.to_string().contains("Pay for a mug?"), "{asked}");
            next.answer("yes").await.unwrap();
            assert_eq!(next.result(None).await.unwrap().text, "yes");
        }
    }
}

#[tokio::test]
async fn g02_a_task_that_was_cancelled_has_no_question_of_the_next() {
    for how in ["cancel", "switch"] {
        let emulator = emulator().await;
        script(
            &emulator,
            json!([{"once": false, "steps": [{"question": "Pay for {task}?"}, {"done": "{answer}"}]}]),
        );
        let client = client(&emulator);
        let session = session(&client).await;
        let old = session.start_task(StartTask::new("a car")).await.unwrap();
        let asked = old.result(None).await.unwrap_err();
        assert_eq!(asked.kind(), ErrorKind::QuestionPending, "{asked}");
        let next = StartTask::new("a mug");
        let new = match how {
            "cancel" => {
                old.cancel().await.unwrap();
                session.start_task(next).await.unwrap()
            }
            _ => session.switch_to(next).await.unwrap(),
        };
        assert!(new.result(None).await.unwrap_err().question().is_some());
        // The old stream has had the time to see what the new one saw.
        all(&mut old.events()).await;
        assert!(old.question().is_none(), "{how}");
        let refused = old.answer("no").await.unwrap_err();
        assert_eq!(
            refused.kind(),
            ErrorKind::InvalidRequest,
            "{how}: {refused}"
        );
        assert_eq!(
            old.result(None).await.unwrap_err().reason(),
            Some("cancelled")
        );
        new.answer("yes").await.unwrap();
        assert_eq!(new.result(None).await.unwrap().text, "yes");
    }
}

#[tokio::test]
async fn a_question_handler_answers() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"question": "When?"}, {"done": "At {answer}"}]}]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let run = RunTask::new("book").on_question(|question| {
        assert_eq!(question.text(), "When?");
        "noon".to_owned()
    });
    assert_eq!(session.run_task(run).await.unwrap().text, "At noon");
}

#[tokio::test]
async fn an_agent_error_is_a_task_error_with_the_events() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"thought": "trying"}, {"error": "The shop is closed"}]}]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let error = session.run_task(RunTask::new("buy")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::Task, Some("agent_error"))
    );
    assert!(error.message().contains("The shop is closed"));
    assert_eq!(error.session_id(), Some(session.id()));
    assert_eq!(error.events().len(), 2);
}

#[tokio::test]
async fn g02_a_task_cancelled_elsewhere_has_no_result() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"thought": "long"}, {"delay": 600}, {"done": "never"}]}]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("wait")).await.unwrap();
    let mut events = task.events();
    assert_eq!(
        *events.next().await.unwrap().unwrap().event_type(),
        EventType::Thought
    );
    session.cancel().await.unwrap();
    let error = task
        .result(Some(Duration::from_secs(60)))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::Task, Some("ended_without_result"))
    );
}

#[tokio::test]
async fn g04_result_ends_with_the_timeout_and_the_task_goes_on() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"thought": "long"}, {"delay": 600}, {"done": "never"}]}]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let run = RunTask::new("wait").timeout(Duration::from_millis(300));
    let error = session.run_task(run).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskTimeout);
    assert_eq!(session.execution_status().await.unwrap().status, "running");
    let session = self::session(&client).await;
    let run = RunTask::new("more")
        .timeout(Duration::from_millis(300))
        .cancel_on_timeout();
    let error = session.run_task(run).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TaskTimeout);
    assert_eq!(session.execution_status().await.unwrap().status, "finished");
}

#[tokio::test]
async fn a_result_needs_no_reader() {
    let emulator = emulator().await;
    // More than the queue holds.
    script(&emulator, long_task(10_000));
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("think")).await.unwrap();
    let result = task.result(Some(Duration::from_secs(60))).await.unwrap();
    assert_eq!(result.data["count"], 10_000);
    // And nothing was thrown away to get there.
    assert_eq!(all(&mut task.events()).await.len(), 10_001);
}

#[tokio::test]
async fn closing_the_client_ends_every_wait() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"delay": 600}, {"done": "never"}]}]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("wait")).await.unwrap();
    let mut events = session.events(Default::default()).unwrap();
    let closer = client.clone();
    let (result, event, ()) = tokio::join!(task.result(None), events.next(), async move {
        closer.close();
    });
    assert_eq!(result.unwrap_err().reason(), Some("client_closed"));
    assert_eq!(event.unwrap().unwrap_err().reason(), Some("client_closed"));
    assert_eq!(
        session.execution_status().await.unwrap_err().reason(),
        Some("client_closed")
    );
}

#[tokio::test]
async fn g02_the_first_result_stays_the_first_tasks() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([
            {"match": "first", "steps": [{"done": "the first result"}]},
            {"match": "second", "steps": [{"done": "the second result"}]},
        ]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let first = session.start_task(StartTask::new("first")).await.unwrap();
    all(&mut first.events()).await;
    session.run_task(RunTask::new("second")).await.unwrap();
    // Asked only now, with the second task's messages in the history.
    let result = first.result(None).await.unwrap();
    assert_eq!(result.text, "the first result");
    assert!(
        result
            .messages
            .iter()
            .all(|message| Some(message.id) <= result.message_id)
    );

    let unread = session.start_task(StartTask::new("first")).await.unwrap();
    unread.close();
    session
        .wait(WaitOptions::default().poll_interval(Duration::from_millis(10)))
        .await
        .unwrap();
    session.run_task(RunTask::new("second")).await.unwrap();
    assert_eq!(unread.result(None).await.unwrap().text, "the first result");
}

#[tokio::test]
async fn run_task_reads_what_nobody_asked_for() {
    let emulator = emulator().await;
    // More than the queue holds: an unread one would have to be polled past.
    script(&emulator, long_task(10_000));
    let client = client(&emulator);
    let session = session(&client).await;
    let result = session.run_task(RunTask::new("think")).await.unwrap();
    assert_eq!(result.data["count"], 10_000);
    assert_eq!(
        count(&emulator, "GET", "/messages"),
        1,
        "only the result's own"
    );
}

/// A binding moves the call through many frames on a thread of the language,
/// whose stack has a limit.
#[tokio::test]
async fn a_call_is_small_to_move() {
    let emulator = emulator().await;
    let client = client(&emulator);
    let session = session(&client).await;
    let start = StartTask::new("think");
    let starting = client.start_task(session.id(), start);
    assert!(size_of_val(&starting) <= 64);
    let task = starting.await.unwrap();
    let status = task.execute(sessionwire::seam::agi::TaskOperation::Status {});
    assert!(size_of_val(&status) <= 64);
    assert!(
        size_of_val(
            &client.execute(sessionwire::seam::agi::Operation::ListSessions { status: None })
        ) <= 64
    );
}

#[tokio::test]
async fn an_empty_text_is_refused_by_the_name_of_its_parameter() {
    let emulator = emulator().await;
    script(&emulator, json!([{"steps": [{"question": "Which?"}]}]));
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("go")).await.unwrap();
    for refused in [task.answer("").await, task.send_message("").await] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().starts_with("`text` is empty"), "{error}");
    }
    let error = task.answer("x".repeat(10_001)).await.unwrap_err();
    assert!(
        error.to_string().starts_with("`text` has 10001 characters"),
        "{error}"
    );
}

#[tokio::test]
async fn a_result_that_does_not_fit_says_so() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"done": "Price: {\"price\": \"none\"}"}]}]),
    );
    let session = session(&client(&emulator)).await;
    let result = session.run_task(RunTask::new("go")).await.unwrap();
    #[derive(Debug, serde::Deserialize)]
    struct Offer {
        price: String,
    }
    assert_eq!(result.json::<Offer>().unwrap().price, "none");
    let error = result.json::<Vec<u8>>().unwrap_err();
    assert_eq!(error.reason(), Some("unexpected_shape"));
}

#[tokio::test]
async fn g02_an_answer_to_an_older_question_is_not_sent() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"question": "Which colour?"}, {"question": "Which size?"}, {"done": "{answer}"}]}]),
    );
    let client = client(&emulator);
    let session = session(&client).await;
    let task = session.start_task(StartTask::new("go")).await.unwrap();
    task.result(None).await.unwrap_err();
    let colour = session.question().await.unwrap().unwrap();
    assert_eq!(colour.text(), "Which colour?");
    session.answer_to("blue".to_owned(), &colour).await.unwrap();
    let pending = session.wait(WaitOptions::new()).await.unwrap();
    assert_eq!(pending.status, "waiting_for_input");
    let sent = count(&emulator, "POST", "/message");
    for late in [
        session.answer_to("red".to_owned(), &colour).await,
        task.answer_to("red".to_owned(), colour.id()).await,
    ] {
        let late = late.unwrap_err();
        assert_eq!(
            (late.kind(), late.reason()),
            (ErrorKind::Task, Some("question_closed"))
        );
    }
    assert_eq!(count(&emulator, "POST", "/message"), sent);
    session.answer("large").await.unwrap();
    assert_eq!(task.result(None).await.unwrap().text, "large");
    assert!(session.question().await.unwrap().is_none());
}
