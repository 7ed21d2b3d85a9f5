//! Many turns at once.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use serde_json::{Value, json};
use sessionwire::ErrorKind;
use sessionwire::raccoon::{RunTurns, StartTurn, TurnInSession, TurnOutcome, TurnStatus};
use sessionwire_emulator::Emulator;
use sessionwire_tests::turns::{client, client_with, fail, script};
use sessionwire_tests::{count, emulator, emulator_with, until};

fn mixed() -> Value {
    json!([
        {"match": "fail", "steps": [{"error": "sold out"}]},
        {"match": "long", "steps": [{"text": "on it"}, {"wait_for_stop": true}]},
        {"steps": [{"text": "ready"}]},
    ])
}

fn starts(emulator: &Emulator) -> usize {
    count(emulator, "POST", "/sessions/new")
}

/// What became of each turn, in their order.
fn told(outcomes: &[TurnOutcome]) -> Vec<String> {
    let told = outcomes.iter().map(|outcome| match &outcome.result {
        Ok(result) if result.status == TurnStatus::Completed => result.text.clone(),
        Ok(result) => format!("{:?}", result.status),
        Err(error) => error.reason().unwrap_or(error.kind().name()).to_owned(),
    });
    told.collect()
}

#[tokio::test]
async fn each_turn_has_its_outcome() {
    let emulator = emulator().await;
    script(&emulator, mixed());
    let client = client(&emulator);
    let prompts = ["one", "fail", "two", "three"];
    let mut outcomes = client
        .run_turns(RunTurns::new(prompts).concurrency(2))
        .unwrap();
    let all = outcomes.all().await;
    assert_eq!(told(&all), ["ready", "agent_error", "ready", "ready"]);
    for (index, outcome) in all.iter().enumerate() {
        assert_eq!((outcome.index, outcome.sent), (index, true));
        assert_eq!(outcome.turn.turn.prompt, prompts[index]);
        let history = client.sessions().get(&outcome.session_id).await.unwrap();
        let last = history.last_turn().unwrap();
        assert_eq!(outcome.message_id.as_ref(), Some(&last.id));
    }
    let error = all[1].result.as_ref().unwrap_err();
    assert_eq!(error.session_id(), Some(&*all[1].session_id));
    assert!(outcomes.next().await.is_none());
    assert_eq!(starts(&emulator), 4);
}

/// Without the option of the client: many turns are what the limit is about.
#[tokio::test]
async fn no_more_run_at_once_than_the_service_allows() {
    let emulator = emulator_with(json!({"max_turns": 2})).await;
    script(
        &emulator,
        json!([{"steps": [{"delay": 0.01}, {"text": "x"}]}]),
    );
    let client = client_with(&emulator, json!({"max_retries": 0}));
    let turns = (0..12).map(|n| format!("turn {n}"));
    let mut outcomes = client
        .run_turns(RunTurns::new(turns).concurrency(6))
        .unwrap();
    assert_eq!(told(&outcomes.all().await), ["x"; 12]);
    assert_eq!(starts(&emulator), 12, "none was refused");
}

#[tokio::test]
async fn turns_of_one_session_go_one_after_another() {
    let emulator = emulator().await;
    script(
        &emulator,
        json!([{"steps": [{"delay": 0.01}, {"text": "x"}]}]),
    );
    let client = client(&emulator);
    let session = client.session().unwrap();
    let id = session.id().to_owned();
    let turns = (0..6).map(|n| {
        let turn = TurnInSession::new(format!("turn {n}"));
        match n {
            0 | 2 | 5 => turn.session_id(id.clone()),
            _ => turn,
        }
    });
    let mut outcomes = client.run_turns(RunTurns::new(turns)).unwrap();
    let all = outcomes.all().await;
    assert_eq!(told(&all), ["x"; 6]);
    assert_eq!(starts(&emulator), 6, "none was refused with 409");
    let history = session.history().await.unwrap();
    let prompts = history
        .messages
        .iter()
        .filter(|message| message.content.starts_with("turn"));
    let prompts: Vec<_> = prompts.map(|message| &*message.content).collect();
    assert_eq!(prompts, ["turn 0", "turn 2", "turn 5"]);
}

#[tokio::test]
async fn closing_stops_the_rest_and_loses_no_outcome() {
    let emulator = emulator().await;
    script(&emulator, mixed());
    let client = client(&emulator);
    let prompts = ["one", "long", "long", "long", "long"];
    let mut outcomes = client
        .run_turns(RunTurns::new(prompts).concurrency(3))
        .unwrap();
    let sockets = || {
        let requests = emulator.requests().into_iter();
        requests
            .filter(|request| request.path.starts_with("/ws/"))
            .count()
    };
    until("four sockets", || sockets() == 4).await;
    outcomes.close().await;
    // The first one was not taken before: it is not lost for that.
    let all = outcomes.all().await;
    assert_eq!(
        told(&all),
        ["ready", "Aborted", "Aborted", "Aborted", "cancelled"]
    );
    for (index, outcome) in all.iter().enumerate() {
        assert_eq!(outcome.sent, index < 4);
        assert_eq!(outcome.message_id.is_some(), index < 4);
    }
    assert_eq!(starts(&emulator), 4);
    outcomes.close().await;
    assert!(outcomes.next().await.is_none());
}

/// A request that was sent is not forgotten: its turn is stopped as well.
#[tokio::test]
async fn a_turn_that_is_being_started_is_stopped_too() {
    let emulator = emulator().await;
    script(&emulator, mixed());
    let client = client(&emulator);
    fail(
        &emulator,
        json!({"on": "start_turn", "delay": 0.3, "times": 0}),
    );
    let mut outcomes = client.run_turns(RunTurns::new(["long"; 2])).unwrap();
    until("a start", || starts(&emulator) >= 1).await;
    outcomes.close().await;
    let all = outcomes.all().await;
    let (sent, unsent): (Vec<_>, Vec<_>) = all.iter().partition(|outcome| outcome.sent);
    // While nobody knows the limit, one goes first.
    assert_eq!((sent.len(), unsent.len(), starts(&emulator)), (1, 1, 1));
    let stopped = sent[0].result.as_ref().unwrap();
    assert_eq!(stopped.status, TurnStatus::Aborted);
    assert_eq!(sent[0].message_id.as_ref(), Some(&stopped.message_id));
    let error = unsent[0].result.as_ref().unwrap_err();
    assert_eq!(error.reason(), Some("cancelled"));
}

#[tokio::test]
async fn dropping_the_outcomes_stops_the_turns() {
    let emulator = emulator().await;
    script(&emulator, mixed());
    let client = client(&emulator);
    let session = client.session().unwrap();
    let turn = TurnInSession::new("long").session_id(session.id());
    let outcomes = client.run_turns(RunTurns::new([turn])).unwrap();
    until("the start", || starts(&emulator) == 1).await;
    drop(outcomes);
    loop {
        // The first turn creates the session.
        if let Ok(Some(last)) = session.last_turn().await
            && last.ended() == Some(TurnStatus::Aborted)
        {
            return;
        }
    }
}

#[tokio::test]
async fn closing_the_client_says_which_turns_go_on() {
    let emulator = emulator().await;
    script(&emulator, mixed());
    let client = client(&emulator);
    let mut outcomes = client
        .run_turns(RunTurns::new(["long", "never"]).concurrency(1))
        .unwrap();
    let sockets = || {
        let requests = emulator.requests().into_iter();
        requests
            .filter(|request| request.path.starts_with("/ws/"))
            .count()
    };
    until("the socket", || sockets() == 1).await;
    client.close();
    let all = outcomes.all().await;
    assert_eq!(told(&all), ["client_closed"; 2]);
    assert_eq!((all[0].sent, all[1].sent), (true, false));
    assert!(all[0].message_id.is_some() && all[1].message_id.is_none());
    assert_eq!(
        client
            .run_turns(RunTurns::new(["late"]))
            .unwrap_err()
            .reason(),
        Some("client_closed")
    );
}

#[tokio::test]
async fn a_timeout_is_each_turns_own_and_stops_it_where_asked() {
    let emulator = emulator().await;
    script(&emulator, mixed());
    let client = client(&emulator);
    for stops in [false, true] {
        let plan = RunTurns::new(["long", "short"])
            .timeout(Duration::from_secs(1))
            .stop_on_timeout(stops);
        let all = client.run_turns(plan).unwrap().all().await;
        assert_eq!(told(&all), ["TaskTimeout", "ready"]);
        let error = all[0].result.as_ref().unwrap_err();
        assert_eq!(error.message_id(), all[0].message_id.as_deref());
        assert!(
            error.to_string().contains(if stops {
                "It was stopped"
            } else {
                "It goes on"
            }),
            "{error}"
        );
        let history = client.sessions().get(&all[0].session_id).await.unwrap();
        let ended = history.last_turn().unwrap().ended();
        assert_eq!(ended, stops.then_some(TurnStatus::Aborted));
    }
}

/// The wait for a place is not the turn's fault.
#[tokio::test]
async fn a_timeout_does_not_count_the_wait_for_a_place() {
    let emulator = emulator_with(json!({"max_turns": 1})).await;
    script(
        &emulator,
        json!([{"steps": [{"delay": 0.4}, {"text": "x"}]}]),
    );
    let plan = RunTurns::new(["turn"; 8])
        .concurrency(8)
        .timeout(Duration::from_secs(3));
    let all = client(&emulator).run_turns(plan).unwrap().all().await;
    assert_eq!(told(&all), ["x"; 8]);
}

#[tokio::test]
async fn a_refused_start_is_its_turns_failure_and_says_whether_it_may_run() {
    let emulator = emulator().await;
    script(&emulator, mixed());
    let client = client_with(&emulator, json!({"max_retries": 0}));
    fail(&emulator, json!({"on": "start_turn", "status": 401}));
    fail(&emulator, json!({"on": "start_turn", "reset": true}));
    let plan = RunTurns::new(["one", "two", "three"]).concurrency(1);
    let all = client.run_turns(plan).unwrap().all().await;
    assert_eq!(
        told(&all),
        ["AuthenticationError", "APIConnectionError", "ready"]
    );
    let sent: Vec<_> = all.iter().map(|outcome| outcome.sent).collect();
    assert_eq!(sent, [false, true, true]);
}

#[tokio::test]
async fn files_are_uploaded_to_the_session_of_their_turn() {
    let emulator = emulator().await;
    script(&emulator, mixed());
    let client = client(&emulator);
    let folder = std::env::temp_dir().join(format!("sessionwire-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("mugs.csv");
    std::fs::write(&path, "blue mug\n").unwrap();
    let turns = [
        StartTurn::new("one").file(path.to_str().unwrap()),
        StartTurn::new("two"),
    ];
    let all = client.run_turns(RunTurns::new(turns)).unwrap().all().await;
    assert_eq!(told(&all), ["ready"; 2]);
    let history = client.sessions().get(&all[0].session_id).await.unwrap();
    let key = format!("{}/mugs.csv", all[0].session_id);
    assert_eq!(history.messages[0].files[0]["key"], key);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn bad_input_sends_nothing() {
    let emulator = emulator().await;
    let client = client(&emulator);
    for (plan, text) in [
        (
            RunTurns::new(["fine", " "]),
            "The turn with the index 1: `prompt` is empty",
        ),
        (RunTurns::new(["fine"]).concurrency(0), "`concurrency` is 0"),
        (RunTurns::new(["fine"]).timeout(Duration::ZERO), "`timeout`"),
        (
            RunTurns::new([TurnInSession::new("fine").session_id("no-uuid")]),
            "The turn with the index 0: `session_id` is \"no-uuid\"",
        ),
    ] {
        let error = client.run_turns(plan).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains(text), "{error}");
    }
    let mut none = client
        .run_turns(RunTurns::new(Vec::<String>::new()))
        .unwrap();
    assert!(none.next().await.is_none());
    assert_eq!(emulator.requests().len(), 0);
}
