//! Raccoon's turns and sessions, and the WebSocket of a turn.

use crate::support::*;
use crate::turn_support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Clock, Emulator, Options, RequestFilter, Resume};

fn closed() -> Ended {
    Ended::Closed(1000, String::new())
}

/// The ids of the events' entries.
fn entries(frames: &[Value]) -> Vec<String> {
    let ids = frames
        .iter()
        .filter_map(|frame| frame["stream_entry_id"].as_str());
    ids.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_turn_comes_over_its_websocket_and_stays_in_the_history() {
    let steps = json!([
        {"thought": "On {prompt}"},
        {"tool": "browser", "output": {"pages": 3}},
        {"plan": [{"id": "a", "content": "Read", "status": "active"}, "Write"]},
        {"snapshot": ["out/a.md"], "deleted": ["old.md"]},
        {"text": "One"}, {"text": " two"},
    ]);
    let (emulator, client) = playing(steps, Options::default()).await;
    let answer = client
        .send_json(
            "POST",
            "/sessions/new",
            json!({"session_id": SESSION, "prompt": "Tell me", "task": "Tell me", "mode": "code",
                   "files": [{"key": "k", "name": "n", "type": "t", "size": 1}]}),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.headers["x-rate-limit-max-concurrent"], "10");
    let begun = answer.json();
    assert_eq!(
        (&begun["session_id"], &begun["status"]),
        (&json!(SESSION), &json!("running"))
    );
    assert_eq!(begun["queue_position"], 0);
    let (user, agent) = (&begun["user_message_id"], &begun["agent_message_id"]);

    let message = agent.as_str().unwrap();
    let (frames, end) = client.frames(SESSION, message, "").await;
    assert_eq!(end, closed());
    assert_eq!(frames[0], json!({"type": "ack", "resume_from": ""}));
    assert_eq!(
        kinds(&frames[1..]),
        [
            "message.received",
            "thought",
            "tool.start",
            "tool.result",
            "plan.update",
            "sandbox.snapshot",
            "text",
            "text",
            "task.completed"
        ]
    );
    assert_eq!(event_ids(&frames), (1..=9).collect::<Vec<_>>());
    assert!(frames[1..].iter().all(|frame| frame["message_id"] == *agent
        && frame["timestamp"].is_u64()
        && frame["payload"].is_object()));
    assert_eq!(
        frames[1]["payload"],
        json!({"text": "Tell me", "files": [{"key": "k", "name": "n", "type": "t", "size": 1}], "references": []})
    );
    assert_eq!(
        (&frames[2]["block_id"], &frames[2]["payload"]),
        (
            &json!("thought:1"),
            &json!({"thought": "On Tell me", "finalize": true})
        )
    );
    assert_eq!(frames[3]["payload"], json!({"tool_name": "browser"}));
    assert_eq!(frames[3]["block_id"], "tool:browser:run-1");
    assert_eq!(frames[4]["block_id"], frames[3]["block_id"]);
    assert_eq!(
        frames[4]["payload"],
        json!({"status": "success", "output": {"pages": 3}, "finalize": true})
    );
    assert_eq!(
        frames[5]["payload"]["patch"]["todos"],
        json!([{"id": "a", "content": "Read", "status": "active"}, {"id": "2", "content": "Write", "status": "pending"}])
    );
    let file = &frames[6]["payload"]["snapshot"]["out/a.md"];
    assert_eq!(
        (&file["name"], &file["key"]),
        (&json!("a.md"), &json!(format!("{SESSION}/out/a.md")))
    );
    assert_eq!(frames[6]["payload"]["deleted"], json!(["old.md"]));
    assert_eq!(frames[7]["block_id"], "text:answer");
    assert_eq!(frames[9]["payload"], json!({}));

    let history = client.turn_history(SESSION).await;
    assert_eq!(
        (
            &history["session"]["sessionId"],
            &history["session"]["title"]
        ),
        (&json!(SESSION), &json!("Tell me"))
    );
    assert_eq!(history["session"]["fileSnapshot"]["out/a.md"], *file);
    assert_eq!(history["session"]["deleted"], false);
    let messages = history["messages"].as_array().unwrap();
    assert_eq!((&messages[0]["id"], &messages[1]["id"]), (user, agent));
    assert_eq!(
        (&messages[0]["type"], &messages[1]["type"]),
        (&json!("user"), &json!("agent"))
    );
    assert_eq!(
        (&messages[0]["content"], &messages[1]["content"]),
        (&json!("Tell me"), &json!("One two"))
    );
    assert_eq!(messages[0]["inputMode"], "code");
    assert_eq!(messages[1]["aborted"], false);
    assert_eq!(messages[1]["events"], json!(frames[1..]));

    let filter = RequestFilter {
        session_id: Some(SESSION.to_owned()),
        ..RequestFilter::default()
    };
    let requests = emulator.requests_matching(&filter);
    let seen: Vec<_> = requests
        .iter()
        .map(|request| (request.method.as_str(), request.path.as_str()))
        .collect();
    let below = |start: &str| format!("{start}/sessions/{SESSION}");
    let (socket, history) = (below("/ws"), below(""));
    assert_eq!(
        seen,
        [
            ("POST", "/sessions/new"),
            ("GET", &*socket),
            ("GET", &*history)
        ]
    );
    assert_eq!(requests[1].status, Some(101));
    assert_eq!(requests[1].query, format!("token=***&message_id={message}"));
    assert!(!format!("{requests:?}").contains(client.key()));
}

#[tokio::test]
async fn the_built_in_agent_works_on_prompt_files_and_pages() {
    let site = Site::html(&[(
        "/mugs",
        "<title>Mugs</title><h1>Mugs</h1><p>Blue mug 12.50 EUR</p>",
    )])
    .await;
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    let key = format!("{SESSION}/notes.txt");
    let form = form(&key, "notes.txt", "text/plain", "first line\nsecond");
    assert_eq!(client.upload(&form).await.status, 200);
    let body = json!({
        "session_id": SESSION, "mode": "deepsearch",
        "prompt": format!("Compare {}/mugs with a red mug at 9.90 EUR", site.url),
        "files": [{"key": key, "name": "notes.txt"}, {"key": "missing", "name": "gone.txt"}],
    });
    let begun = client.send_json("POST", "/sessions/new", body).await.json();
    let message = begun["agent_message_id"].as_str().unwrap();
    let (frames, end) = client.frames(SESSION, message, "0-0").await;
    assert_eq!(end, closed());
    let kinds = kinds(&frames);
    for kind in [
        "message.received",
        "thought",
        "plan.update",
        "tool.start",
        "tool.result",
        "sandbox.snapshot",
        "text",
        "task.completed",
    ] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    let text: String = frames
        .iter()
        .filter(|frame| frame["kind"] == "text")
        .map(|frame| frame["payload"]["text"].as_str().unwrap())
        .collect();
    for part in [
        "notes.txt is text/plain with 17 bytes: 2 lines, 3 words",
        "no uploaded file with the key missing",
        "12.50",
        "9.90",
        "report.md",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let statuses: Vec<_> = frames
        .iter()
        .filter(|frame| frame["kind"] == "tool.result")
        .map(|frame| frame["payload"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["success", "error", "success", "success"]);
    let plan = frames.iter().rfind(|frame| frame["kind"] == "plan.update");
    let todos = plan.unwrap()["payload"]["patch"]["todos"].clone();
    let todos = todos.as_array().unwrap().clone();
    assert_eq!(todos.len(), 6);
    assert!(todos.iter().all(|todo| todo["status"] == "completed"));
}

#[tokio::test]
async fn a_second_turn_continues_the_session_once_the_first_has_ended() {
    let (_emulator, client) = playing(
        json!([{"wait_for_message": true}, {"complete": "Told: {message}"}]),
        Options::default(),
    )
    .await;
    let first = client.turn(SESSION, "one").await;
    let body = json!({"session_id": SESSION, "prompt": "two"});
    let answer = client
        .send_json("POST", "/sessions/new", body.clone())
        .await;
    assert_eq!(
        (answer.status, answer.detail()),
        (409, json!("turn_in_progress"))
    );
    let mut socket = client.socket(SESSION, &first, "").await;
    socket
        .send(json!({"type": "message", "text": "go on", "files": [], "references": [1]}))
        .await;
    let (frames, end) = socket.rest().await;
    assert_eq!(end, closed());
    assert_eq!(
        kinds(&frames),
        [
            "-",
            "message.received",
            "message.received",
            "task.completed"
        ]
    );
    assert_eq!(
        frames[2]["payload"],
        json!({"text": "go on", "files": [], "references": [1]})
    );
    let second = client.turn(SESSION, "two").await;
    assert_ne!(first, second);
    let history = client.turn_history(SESSION).await;
    let messages = history["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 4);
    assert_eq!(messages[1]["content"], "Told: go on");
    assert_eq!(history["session"]["title"], "one");
}

#[tokio::test]
async fn a_stop_aborts_the_turn() {
    let (_emulator, client) = playing(
        json!([{"text": "so far"}, {"wait_for_stop": true}]),
        Options::default(),
    )
    .await;
    let message = client.turn(SESSION, "go").await;
    let mut socket = client.socket(SESSION, &message, "").await;
    socket.until("text").await;
    socket.send(json!({"type": "stop"})).await;
    let (frames, end) = socket.rest().await;
    assert_eq!(end, closed());
    assert_eq!(kinds(&frames), ["task.aborted"]);
    assert_eq!(
        frames[0]["payload"],
        json!({"reason": "Stopped by the user"})
    );
    let history = client.turn_history(SESSION).await;
    assert_eq!(history["messages"][1]["aborted"], true);
    assert_eq!(history["messages"][1]["content"], "so far");
    client.turn(SESSION, "again").await;
}

#[tokio::test]
async fn a_turn_may_fail_or_be_aborted_by_its_agent() {
    let emulator = start(Options {
        scenario: Some(
            serde_json::from_value(json!({"turns": [
                {"match": "fail", "steps": [{"error": "No luck", "code": "E1"}]},
                {"match": "abort", "steps": [{"abort": "Too long"}, {"text": "never"}]},
                {"steps": [{"event": "task.error", "payload": {"error": "raw"}}, {"text": "never"}]}]}))
            .unwrap(),
        ),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    for (prompt, kind, payload) in [
        (
            "fail",
            "task.error",
            json!({"message": "No luck", "code": "E1"}),
        ),
        ("abort", "task.aborted", json!({"reason": "Too long"})),
        ("other", "task.error", json!({"error": "raw"})),
    ] {
        let message = client.turn(SESSION, prompt).await;
        let (frames, end) = client.frames(SESSION, &message, "").await;
        assert_eq!((frames.len(), end), (3, closed()), "{prompt}");
        assert_eq!(
            (&frames[2]["kind"], &frames[2]["payload"]),
            (&json!(kind), &payload)
        );
    }
}

#[tokio::test]
async fn a_socket_resumes_as_it_is_told_to() {
    for (resume, from) in [
        (Resume::Honoured, 5),
        (Resume::Inclusive, 4),
        (Resume::Ignored, 1),
    ] {
        let steps = json!([{"repeat": 4, "steps": [{"text": "{n}"}]}]);
        let options = Options {
            resume,
            ..Options::default()
        };
        let (_emulator, client) = playing(steps, options).await;
        let message = client.turn(SESSION, "go").await;
        let (all, _) = client.frames(SESSION, &message, "0-0").await;
        assert_eq!(event_ids(&all), (1..=6).collect::<Vec<_>>());
        assert_eq!(all[0]["resume_from"], "0-0");
        let ids = entries(&all);
        let (rest, end) = client.frames(SESSION, &message, &ids[3]).await;
        assert_eq!(rest[0]["resume_from"], ids[3].as_str());
        assert_eq!(
            event_ids(&rest),
            (from..=6).collect::<Vec<_>>(),
            "{resume:?}"
        );
        assert_eq!(end, closed());
        let (after_the_end, end) = client.frames(SESSION, &message, &ids[5]).await;
        assert_eq!(end, closed());
        let expected: &[u64] = match resume {
            Resume::Honoured => &[],
            Resume::Inclusive => &[6],
            Resume::Ignored => &[1, 2, 3, 4, 5, 6],
        };
        assert_eq!(event_ids(&after_the_end), expected);
    }
}

#[tokio::test]
async fn live_frames_may_go_without_entry_ids() {
    let options = Options {
        entry_ids: false,
        ..Options::default()
    };
    let (_emulator, client) = playing(json!([{"text": "a"}]), options).await;
    let message = client.turn(SESSION, "go").await;
    let (frames, _) = client.frames(SESSION, &message, "").await;
    assert_eq!(event_ids(&frames), [1, 2, 3]);
    assert_eq!(entries(&frames), Vec::<String>::new());
    let history = client.turn_history(SESSION).await;
    let events = history["messages"][1]["events"].as_array().unwrap().clone();
    assert_eq!(entries(&events).len(), 3);
}

#[tokio::test]
async fn sockets_see_events_as_they_come() {
    let steps = json!([{"wait_for_socket": true}, {"text": "a"}, {"wait_for_message": true}]);
    let (emulator, client) = playing(steps, Options::default()).await;
    let message = client.turn(SESSION, "go").await;
    let mut one = client.socket(SESSION, &message, "").await;
    let mut two = client.socket(SESSION, &message, "").await;
    one.until("text").await;
    two.until("text").await;
    assert_eq!(emulator.open_streams(), 2);
    one.send(json!({"type": "send_message", "message": "done"}))
        .await;
    assert_eq!(two.rest().await.1, closed());
    assert_eq!(one.rest().await.1, closed());
    drop((one, two));
    eventually(|| async { (emulator.open_streams() == 0).then_some(()) }).await;
}

#[tokio::test]
async fn a_quiet_socket_gets_pings() {
    let options = Options {
        ping_interval: 0.005,
        ..Options::default()
    };
    let (_emulator, client) = playing(json!([{"wait_for_stop": true}]), options).await;
    let message = client.turn(SESSION, "go").await;
    let mut socket = client.socket(SESSION, &message, "").await;
    socket.until("message.received").await;
    socket.pings(3).await;
}

#[tokio::test]
async fn unknown_frames_are_ignored_or_answered_in_strict_mode() {
    for strict_frames in [false, true] {
        let options = Options {
            strict_frames,
            ..Options::default()
        };
        let (_emulator, client) = playing(json!([{"wait_for_stop": true}]), options).await;
        let message = client.turn(SESSION, "go").await;
        let mut socket = client.socket(SESSION, &message, "").await;
        socket.until("message.received").await;
        socket.send(json!({"type": "jump"})).await;
        socket.send(json!({"type": "stop_task"})).await;
        let (frames, _) = socket.rest().await;
        let errors = frames.iter().filter(|frame| frame["type"] == "error");
        let errors: Vec<_> = errors.map(|frame| frame["message"].to_string()).collect();
        if strict_frames {
            assert!(
                errors.len() == 1 && errors[0].contains("jump"),
                "{errors:?}"
            );
        } else {
            assert!(errors.is_empty(), "{errors:?}");
        }
        assert_eq!(frames.last().unwrap()["kind"], "task.aborted");
    }
}

#[tokio::test]
async fn handshakes_are_refused_with_a_status() {
    let options = Options {
        api_keys: Some(vec!["good".to_owned(), "other".to_owned()]),
        barred_keys: vec!["barred".to_owned()],
        ..Options::default()
    };
    let (emulator, client) = playing(json!([]), options).await;
    let message = client.turn(SESSION, "go").await;
    for (session, query, status) in [
        (SESSION, format!("message_id={message}"), 401),
        (SESSION, format!("token=bad&message_id={message}"), 401),
        (SESSION, format!("token=barred&message_id={message}"), 403),
        (SESSION, format!("token=other&message_id={message}"), 404),
        (SESSION, "token=good".to_owned(), 400),
        (SESSION, "token=good&message_id=x".to_owned(), 404),
        (
            &session_id(1),
            format!("token=good&message_id={message}"),
            404,
        ),
    ] {
        let refused = client.open_socket(session, &query).await;
        assert_eq!(refused.err(), Some(status), "{query}");
    }
    let path = format!("/ws/sessions/{SESSION}?token=good&message_id={message}");
    assert_eq!(client.fetch(&path).await.status, 426);
    assert_eq!(emulator.open_streams(), 0);
}

#[tokio::test]
async fn more_turns_than_may_run_are_refused_or_queued() {
    let options = Options {
        max_turns: 1,
        ..Options::default()
    };
    let steps = json!([{"wait_for_message": true}]);
    let (_emulator, client) = playing(steps.clone(), options.clone()).await;
    client.turn(&session_id(1), "one").await;
    let body = json!({"session_id": session_id(2), "prompt": "two"});
    let answer = client.send_json("POST", "/sessions/new", body).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.headers["x-rate-limit-retry-after"], "1");
    assert_eq!(answer.headers["x-rate-limit-max-concurrent"], "1");
    // It was not started: there is no such session.
    let path = format!("/sessions/{}", session_id(2));
    assert_eq!(client.fetch(&path).await.status, 404);

    let options = Options {
        queue_turns: true,
        ..options
    };
    let (_emulator, client) = playing(steps, options).await;
    let start = async |number| {
        let body = json!({"session_id": session_id(number), "prompt": "go"});
        let begun = client.send_json("POST", "/sessions/new", body).await.json();
        let text = |name: &str| begun[name].as_str().unwrap().to_owned();
        (
            text("agent_message_id"),
            text("status"),
            begun["queue_position"].as_u64().unwrap(),
        )
    };
    let (first, status, position) = start(1).await;
    assert_eq!((status.as_str(), position), ("running", 0));
    let (second, status, position) = start(2).await;
    assert_eq!((status.as_str(), position), ("queued", 1));
    let (third, status, position) = start(3).await;
    assert_eq!((status.as_str(), position), ("queued", 2));

    let mut waiting = client.socket(&session_id(2), &second, "").await;
    assert_eq!(waiting.next().await.unwrap()["type"], "ack");
    let mut third = client.socket(&session_id(3), &third, "").await;
    third.send(json!({"type": "stop"})).await;
    assert_eq!(kinds(&third.rest().await.0), ["-", "task.aborted"]);
    let mut running = client.socket(&session_id(1), &first, "").await;
    running.send(json!({"type": "message", "text": "x"})).await;
    running.rest().await;
    waiting.until("message.received").await;
    waiting.send(json!({"type": "message", "text": "x"})).await;
    assert_eq!(waiting.rest().await.1, closed());
    assert_eq!(start(4).await.1, "running");
}

#[tokio::test]
async fn a_place_is_free_once_the_end_of_its_turn_can_be_seen() {
    let options = Options {
        max_turns: 1,
        ..Options::default()
    };
    let (_emulator, client) = playing(json!([{"text": "x"}]), options).await;
    for number in 0..50 {
        let session = session_id(number);
        let message = client.turn(&session, "go").await;
        client
            .socket(&session, &message, "")
            .await
            .until("task.completed")
            .await;
    }
}

#[tokio::test]
async fn bad_turns_are_refused_with_reasons() {
    let emulator = start(quick()).await;
    let client = Client::new(&emulator);
    for (body, place) in [
        (json!({"prompt": "x"}), "session_id"),
        (json!({"session_id": "x", "prompt": "x"}), "session_id"),
        (json!({"session_id": 1, "prompt": "x"}), "session_id"),
        (json!({"session_id": SESSION}), "prompt"),
        (json!({"session_id": SESSION, "prompt": " "}), "prompt"),
        (
            json!({"session_id": SESSION, "prompt": "a", "task": "b"}),
            "task",
        ),
        (
            json!({"session_id": SESSION, "prompt": "a", "mode": "web"}),
            "mode",
        ),
        (
            json!({"session_id": SESSION, "prompt": "a", "sdk_version": "slow"}),
            "sdk_version",
        ),
        (
            json!({"session_id": SESSION, "prompt": "a", "files": ["x"]}),
            "files",
        ),
        (
            json!({"session_id": SESSION, "prompt": "a", "continuation": {}}),
            "continuation",
        ),
        (
            json!({"session_id": SESSION, "prompt": "a", "history": {}}),
            "history",
        ),
        (json!([]), "body"),
    ] {
        let answer = client
            .send_json("POST", "/sessions/new", body.clone())
            .await;
        assert_eq!(answer.status, 422, "{body}");
        let place_there = answer.detail()[0]["loc"].as_array().unwrap().clone();
        assert_eq!(place_there.last().unwrap(), place, "{body}");
    }
    for good in [
        json!({"session_id": session_id(1), "task": "legacy name"}),
        json!({"session_id": session_id(2), "prompt": "x", "mode": null, "sdk_version": "think", "unknown": 1}),
    ] {
        let answer = client.send_json("POST", "/sessions/new", good).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let stranger = Client::with_authorization(&emulator, "");
    assert_eq!(stranger.fetch("/sessions").await.status, 401);
    assert_eq!(
        client
            .raw("POST", "/sessions", Some("{}"))
            .await
            .unwrap()
            .status,
        405
    );
    let answer = client.fetch("/session").await;
    assert_eq!(answer.status, 404);
    assert!(answer.text.contains("POST /sessions/new"));
}

#[tokio::test]
async fn sessions_are_listed_by_page_search_and_order() {
    let (emulator, client) = playing(
        json!([]),
        Options {
            clock: Clock::Real,
            ..Options::default()
        },
    )
    .await;
    for (number, title) in ["Beta", "alpha", "Gamma one", "gamma two"]
        .into_iter()
        .enumerate()
    {
        let session = session_id(number as u64);
        let message = client.turn(&session, title).await;
        client.frames(&session, &message, "").await;
    }
    let list = async |query: &str| {
        let answer = client.fetch(&format!("/sessions{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let list = answer.json();
        let titles: Vec<_> = list["sessions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|session| session["title"].as_str().unwrap().to_owned())
            .collect();
        (titles.join(","), list["meta"].clone())
    };
    assert_eq!(list("").await.0, "gamma two,Gamma one,alpha,Beta");
    assert_eq!(
        list("?sort_by=createdAt&sort_order=asc&limit=3").await,
        (
            "Beta,alpha,Gamma one".to_owned(),
            json!({"total_count": 4, "total_pages": 2, "current_page": 1})
        )
    );
    assert_eq!(
        list("?sortBy=createdAt&order=asc&limit=3&page=2").await.0,
        "gamma two"
    );
    assert_eq!(list("?page=9").await.0, "");
    assert_eq!(
        list("?search=GAMMA&sortOrder=asc&sort_by=title").await.0,
        "Gamma one,gamma two"
    );
    for bad in [
        "limit=101",
        "limit=0",
        "page=0",
        "page=x",
        "sort_by=size",
        "sort_order=up",
    ] {
        let answer = client.fetch(&format!("/sessions?{bad}")).await;
        assert_eq!(answer.status, 422, "{bad}");
    }
    let renamed = client
        .send_json(
            "PUT",
            &format!("/sessions/{}/title", session_id(1)),
            json!({"title": " Zeta "}),
        )
        .await;
    assert_eq!(
        (renamed.status, renamed.json()["success"].clone()),
        (200, json!(true))
    );
    assert_eq!(list("?search=zeta").await.0, "Zeta");
    for (title, status) in [
        (json!({"title": ""}), 422),
        (json!({}), 422),
        (json!({"title": "x".repeat(256)}), 422),
        (json!({"title": "ä".repeat(255)}), 200),
    ] {
        let path = format!("/sessions/{}/title", session_id(1));
        assert_eq!(client.send_json("PUT", &path, title).await.status, status);
    }
    let other = Client::with_key(&emulator, "another");
    let answer = other.fetch("/sessions").await;
    assert_eq!(answer.json()["sessions"], json!([]));
    let path = format!("/sessions/{}", session_id(1));
    assert_eq!(other.fetch(&path).await.status, 404);
    assert_eq!(
        other
            .send_json("PUT", &format!("{path}/title"), json!({"title": "x"}))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_deleted_session_ends_its_turn_and_is_gone() {
    let (_emulator, client) = playing(json!([{"wait_for_stop": true}]), Options::default()).await;
    let message = client.turn(SESSION, "go").await;
    let mut socket = client.socket(SESSION, &message, "").await;
    socket.until("message.received").await;
    let path = format!("/sessions/{SESSION}");
    let answer = client.raw("DELETE", &path, None).await.unwrap();
    assert_eq!(answer.status, 200);
    let (frames, end) = socket.rest().await;
    assert_eq!(frames[0]["payload"], json!({"reason": "Session deleted"}));
    assert_eq!(end, closed());
    assert_eq!(client.fetch(&path).await.status, 404);
    let again = client.raw("DELETE", &path, None).await.unwrap();
    assert_eq!(
        (again.status, again.detail()),
        (404, json!("Session not found"))
    );
    assert_eq!(
        client.fetch("/sessions").await.json()["sessions"],
        json!([])
    );
}

#[tokio::test]
async fn the_abort_endpoint_is_there_when_it_is_wanted() {
    let steps = json!([{"wait_for_stop": true}]);
    let (_emulator, client) = playing(steps.clone(), Options::default()).await;
    let message = client.turn(SESSION, "go").await;
    let path = format!("/message/{message}/abort");
    let answer = client.raw("DELETE", &path, None).await.unwrap();
    assert_eq!(answer.status, 404);

    let options = Options {
        abort_endpoint: true,
        ..Options::default()
    };
    let (_emulator, client) = playing(steps, options).await;
    let message = client.turn(SESSION, "go").await;
    let path = format!("/message/{message}/abort");
    let answer = client.raw("DELETE", &path, None).await.unwrap();
    assert_eq!(
        (answer.status, answer.json()["success"].clone()),
        (200, json!(true))
    );
    let (frames, _) = client.frames(SESSION, &message, "").await;
    assert_eq!(frames.last().unwrap()["kind"], "task.aborted");
    let answer = client
        .raw("DELETE", "/message/nobody/abort", None)
        .await
        .unwrap();
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn hours_pass_at_once_on_the_fast_clock() {
    let options = Options {
        clock: Clock::Fast,
        ..Options::default()
    };
    let steps = json!([{"text": "a"}, {"delay": 7200}, {"text": "b", "after": 60},
                       {"tool": "x", "takes": 1.5}]);
    let (_emulator, client) = playing(steps, options).await;
    let message = client.turn(SESSION, "go").await;
    let (frames, _) = client.frames(SESSION, &message, "").await;
    let times: Vec<_> = frames[1..]
        .iter()
        .map(|frame| frame["timestamp"].as_u64().unwrap())
        .collect();
    let passed: Vec<_> = times.iter().map(|time| time - times[0]).collect();
    assert_eq!(passed, [0, 0, 7_260_000, 7_260_000, 7_261_500, 7_261_500]);
}

#[tokio::test]
async fn a_long_turn_is_delivered_whole_to_a_slow_reader() {
    let steps = json!([{"repeat": 20000, "steps": [{"text": "piece {n} of a long answer"}]}]);
    let (emulator, client) = playing(steps, Options::default()).await;
    let message = client.turn(SESSION, "go").await;
    let mut socket = client.socket(SESSION, &message, "").await;
    socket.next().await.unwrap();
    let filter = RequestFilter::default();
    assert!(!emulator.requests_matching(&filter).is_empty());
    let (frames, end) = socket.rest().await;
    assert_eq!(end, closed());
    assert_eq!(event_ids(&frames), (1..=20_002).collect::<Vec<_>>());
}

#[tokio::test]
async fn closing_the_emulator_ends_its_sockets() {
    let (emulator, client) = playing(json!([{"wait_for_stop": true}]), Options::default()).await;
    let message = client.turn(SESSION, "go").await;
    let mut socket = client.socket(SESSION, &message, "").await;
    socket.until("message.received").await;
    within(emulator.close()).await;
    assert_ne!(socket.rest().await.1, closed());
}

#[tokio::test]
async fn both_services_share_one_address() {
    let emulator: Emulator = start(quick()).await;
    assert_eq!(emulator.raccoon_url(), emulator.url());
    let client = Client::new(&emulator);
    client.session(json!({})).await;
    assert_eq!(
        client.fetch("/sessions").await.json()["sessions"],
        json!([])
    );
}
