//! An agent of one's own for turns, over the wire.

use crate::support::*;
use crate::turn_support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{
    AgentJobs, Clock, Emulator, JobHandle, Options, TaskOver, TurnAgent, TurnCall, TurnHandle,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

async fn with_options(agent: TurnAgent, options: Options) -> (Emulator, Client) {
    let emulator = start(Options {
        turn_agent: Some(agent),
        ..options
    })
    .await;
    let client = Client::new(&emulator);
    (emulator, client)
}

async fn with(agent: TurnAgent) -> (Emulator, Client) {
    with_options(agent, quick()).await
}

/// An emulator whose turns come by hand.
async fn by_hand() -> (Emulator, Client, AgentJobs) {
    let (agent, jobs) = TurnAgent::queue();
    let (emulator, client) = with(agent).await;
    (emulator, client, jobs)
}

/// The next turn's job and its handle.
async fn next(jobs: &AgentJobs) -> (sessionwire_emulator::AgentJob, TurnHandle) {
    let job = within(jobs.next()).await.unwrap();
    match job.handle.clone() {
        JobHandle::Turn(handle) => (job, handle),
        JobHandle::Task(_) => panic!("a task among turns"),
    }
}

/// Kind, block and payload of a turn's events, in order.
async fn events(client: &Client, message: &str) -> Vec<(String, Value, Value)> {
    let (frames, _) = client.frames(SESSION, message, "").await;
    let event = |frame: &Value| {
        let kind = frame["kind"].as_str().unwrap().to_owned();
        (kind, frame["block_id"].clone(), frame["payload"].clone())
    };
    frames[1..].iter().map(event).collect()
}

/// The last event of a turn.
async fn end(client: &Client, message: &str) -> Value {
    let (kind, _, payload) = events(client, message).await.pop().unwrap();
    json!([kind, payload])
}

#[tokio::test]
async fn what_it_does_goes_over_the_wire() {
    let agent = TurnAgent::new(|turn, agent| async move {
        agent
            .plan(vec!["Read".into(), turn.prompt.as_str().into()])
            .await?;
        agent
            .think(format!("{} for {}", turn.mode, turn.session_id))
            .await?;
        agent.think_in("deep", "One", false).await?;
        agent.think_in("deep", "One, two", true).await?;
        agent.tool("browser", json!({"pages": 3})).await?;
        let block = agent.start_tool("shell").await?;
        agent.end_tool(&block, "error", "no such file").await?;
        agent
            .snapshot(&["out/a.md".to_owned()], &["old.md".to_owned()])
            .await?;
        let phase = json!({"phase": "late"}).as_object().unwrap().clone();
        agent
            .event("task.phase", phase, Some("phase:1".to_owned()))
            .await?;
        agent.say("Done").await?;
        agent.say_in("note", ", and noted").await?;
        agent.done().await?;
        assert_eq!(agent.over(), Some(TaskOver::Ended));
        assert_eq!(agent.think("too late").await, Err(TaskOver::Ended));
        assert_eq!(agent.done().await, Err(TaskOver::Ended));
        Ok(())
    });
    let (emulator, client) = with(agent).await;
    let message = client.turn(SESSION, "Write").await;
    let events = json!(events(&client, &message).await);
    assert_eq!(
        events,
        json!([
            ["message.received", null, {"text": "Write", "files": [], "references": []}],
            ["plan.update", "plan:root", {"patch": {"todos": [
                {"id": "1", "content": "Read", "status": "pending"},
                {"id": "2", "content": "Write", "status": "pending"},
            ]}}],
            ["thought", "thought:1", {"thought": format!("auto for {SESSION}"), "finalize": true}],
            ["thought", "thought:deep", {"thought": "One", "finalize": false}],
            ["thought", "thought:deep", {"thought": "One, two", "finalize": true}],
            ["tool.start", "tool:browser:run-1", {"tool_name": "browser"}],
            ["tool.result", "tool:browser:run-1", {"status": "success", "output": {"pages": 3}, "finalize": true}],
            ["tool.start", "tool:shell:run-2", {"tool_name": "shell"}],
            ["tool.result", "tool:shell:run-2", {"status": "error", "output": "no such file", "finalize": true}],
            ["sandbox.snapshot", null, {
                "sandbox_id": format!("sb_{SESSION}"),
                "snapshot": {"out/a.md": {"key": format!("{SESSION}/out/a.md"), "name": "a.md", "updatedAt": events[9][2]["snapshot"]["out/a.md"]["updatedAt"]}},
                "deleted": ["old.md"],
            }],
            ["task.phase", "phase:1", {"phase": "late"}],
            ["text", "text:answer", {"text": "Done"}],
            ["text", "text:note", {"text": ", and noted"}],
            ["task.completed", null, {}],
        ])
    );
    let history = client.turn_history(SESSION).await;
    assert_eq!(history["messages"][1]["content"], "Done, and noted");
    assert!(history["session"]["fileSnapshot"]["out/a.md"].is_object());
    emulator.close().await;
}

#[tokio::test]
async fn it_gets_all_that_the_request_had_and_reads_the_files() {
    let (_emulator, client, jobs) = by_hand().await;
    client
        .upload(&form(
            &format!("{SESSION}/a.txt"),
            "a.txt",
            "text/plain",
            "some words",
        ))
        .await;
    let key = format!("{SESSION}/a.txt");
    let body = json!({
        "session_id": SESSION, "prompt": "Read", "task": "Read", "mode": "deepsearch",
        "files": [{"key": key, "name": "a.txt", "type": "text/plain", "size": 10}],
        "references": [{"of": "what"}], "history": [{"role": "user"}], "base_prompt": "Be brief",
        "sdk_version": "think", "continuation": "{}", "own_field": [1], "more": null,
    });
    let answer = client.send_json("POST", "/sessions/new", body).await;
    let (job, agent) = next(&jobs).await;
    assert_eq!(
        job.task,
        json!({
            "prompt": "Read", "mode": "deepsearch", "session_id": SESSION,
            "message_id": answer.json()["agent_message_id"],
            "files": [{"key": key, "name": "a.txt", "type": "text/plain", "size": 10}],
            "references": [{"of": "what"}], "history": [{"role": "user"}], "base_prompt": "Be brief",
            "sdk_version": "think", "continuation": "{}", "extra": {"own_field": [1], "more": null},
        })
    );
    let file = agent.read_file(&key).unwrap().unwrap();
    assert_eq!(
        (file.name.as_str(), file.content_type.as_str(), file.size),
        ("a.txt", "text/plain", 10)
    );
    assert_eq!(file.content, b"some words");
    assert_eq!(agent.read_file("elsewhere").unwrap(), None);
    let call = json!({"op": "read_file", "key": key});
    let read = job.handle.start(call).unwrap().await.unwrap();
    assert_eq!(read["content"], "c29tZSB3b3Jkcw==");
    job.finish(Ok(()));
}

#[tokio::test]
async fn a_script_that_fits_comes_first_and_without_an_agent_the_built_in_one_is_last() {
    let agent = TurnAgent::new(|_, agent| async move { Ok(agent.say("by the function").await?) });
    let (emulator, client) = with(agent).await;
    let script = json!({"turns": [{"match": "script", "steps": [{"text": "by the script"}]}]});
    emulator.scenario(serde_json::from_value(script).unwrap());
    let text = async |prompt: &str| {
        let message = client.turn(SESSION, prompt).await;
        client.frames(SESSION, &message, "").await;
        let history = client.turn_history(SESSION).await;
        let last = history["messages"].as_array().unwrap().last().cloned();
        last.unwrap()["content"].as_str().unwrap().to_owned()
    };
    assert_eq!(text("for the script").await, "by the script");
    assert_eq!(text("for the agent").await, "by the function");
    emulator.turn_agent(None);
    assert!(text("for nobody").await.contains("for nobody"));
}

#[tokio::test]
async fn each_way_to_end_a_turn() {
    let agent = TurnAgent::new(|turn, agent| async move {
        agent.say("Said").await?;
        match turn.prompt.as_str() {
            "return" => {}
            "content" => agent.done_with("The content").await?,
            "abort" => agent.abort("Nothing to do").await?,
            "fail" => agent.fail("sold out").await?,
            "code" => agent.fail_with("sold out", "gone").await?,
            "event" => {
                let payload = json!({"message": "by an event"});
                let payload = payload.as_object().unwrap().clone();
                agent.event("task.error", payload, None).await?;
            }
            "error" => return Err("an error".into()),
            _ => panic!("a panic"),
        }
        Ok(())
    });
    let (_emulator, client) = with(agent).await;
    for (prompt, ended, content) in [
        ("return", json!(["task.completed", {}]), "Said"),
        ("content", json!(["task.completed", {}]), "The content"),
        (
            "abort",
            json!(["task.aborted", {"reason": "Nothing to do"}]),
            "Said",
        ),
        (
            "fail",
            json!(["task.error", {"message": "sold out"}]),
            "Said",
        ),
        (
            "code",
            json!(["task.error", {"message": "sold out", "code": "gone"}]),
            "Said",
        ),
        (
            "event",
            json!(["task.error", {"message": "by an event"}]),
            "Said",
        ),
        (
            "error",
            json!(["task.error", {"message": "an error"}]),
            "Said",
        ),
        (
            "panic",
            json!(["task.error", {"message": "The agent panicked: a panic"}]),
            "Said",
        ),
    ] {
        let message = client.turn(SESSION, prompt).await;
        assert_eq!(end(&client, &message).await, ended, "{prompt}");
        let history = client.turn_history(SESSION).await;
        let last = history["messages"].as_array().unwrap().last().unwrap();
        assert_eq!(last["content"], content, "{prompt}");
    }
}

/// Tells when it is dropped.
struct Dropped(Option<oneshot::Sender<()>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.take().unwrap().send(());
    }
}

#[tokio::test]
async fn a_turn_that_is_taken_away_drops_the_function_and_says_why() {
    for (how, over) in [
        ("stop", TaskOver::Stopped),
        ("delete", TaskOver::Deleted),
        ("close", TaskOver::Closed),
    ] {
        let (dropped, gone) = oneshot::channel();
        let (shown, handle) = oneshot::channel();
        let places = Arc::new(Mutex::new(Some((dropped, shown))));
        let agent = TurnAgent::new(move |_, agent: TurnHandle| {
            let (dropped, shown) = places.lock().unwrap().take().unwrap();
            let guard = Dropped(Some(dropped));
            async move {
                let _guard = guard;
                shown.send(agent).unwrap();
                std::future::pending().await
            }
        });
        let (emulator, client) = with(agent).await;
        let message = client.turn(SESSION, "Wait").await;
        let agent = within(handle).await.unwrap();
        assert_eq!(agent.over(), None);
        let waiting = tokio::spawn({
            let agent = agent.clone();
            async move { agent.wait_for_message().await }
        });
        match how {
            "stop" => {
                let mut socket = client.socket(SESSION, &message, "").await;
                socket.send(json!({"type": "stop"})).await;
            }
            "delete" => {
                let path = format!("/sessions/{SESSION}");
                client.raw("DELETE", &path, None).await.unwrap();
            }
            _ => emulator.close().await,
        }
        within(gone).await.unwrap();
        assert_eq!(within(agent.wait_until_over()).await, over, "{how}");
        assert_eq!(within(waiting).await.unwrap(), Err(over), "{how}");
        assert_eq!(agent.say("too late").await, Err(over), "{how}");
        assert_eq!(agent.done().await, Err(over), "{how}");
        assert_eq!(agent.messages(), Err(over), "{how}");
        assert_eq!(agent.read_file("x"), Err(over), "{how}");
        assert_eq!(
            agent.sleep(Duration::from_secs(600)).await,
            Err(over),
            "{how}"
        );
        if how == "stop" {
            let ended = json!(["task.aborted", {"reason": "Stopped by the user"}]);
            assert_eq!(end(&client, &message).await, ended);
        }
    }
}

#[tokio::test]
async fn after_its_end_a_function_may_still_clear_up() {
    let (cleared, done) = oneshot::channel();
    let cleared = Arc::new(Mutex::new(Some(cleared)));
    let (go_on, gate) = oneshot::channel::<()>();
    let gate = Arc::new(Mutex::new(Some(gate)));
    let agent = TurnAgent::new(move |_, agent| {
        let (cleared, gate) = (cleared.clone(), gate.lock().unwrap().take().unwrap());
        async move {
            agent.done().await?;
            gate.await?;
            cleared.lock().unwrap().take().unwrap().send(()).unwrap();
            Ok(())
        }
    });
    let (_emulator, client) = with(agent).await;
    let message = client.turn(SESSION, "Go").await;
    assert_eq!(
        end(&client, &message).await,
        json!(["task.completed", {}]),
        "the turn does not wait for it"
    );
    go_on.send(()).unwrap();
    within(done).await.unwrap();
}

#[tokio::test]
async fn it_hears_what_the_user_sends() {
    let (_emulator, client, jobs) = by_hand().await;
    let message = client.turn(SESSION, "Go").await;
    let (job, agent) = next(&jobs).await;
    let mut socket = client.socket(SESSION, &message, "").await;
    socket.send(json!({"type": "message", "text": "one"})).await;
    assert_eq!(within(agent.wait_for_message()).await.unwrap(), "one");
    socket.send(json!({"type": "message", "text": "two"})).await;
    socket
        .send(json!({"type": "message", "text": "three"}))
        .await;
    let mut heard = Vec::new();
    while heard.len() < 2 {
        heard.push(within(agent.wait_for_message()).await.unwrap());
    }
    assert_eq!(heard, ["two", "three"]);
    assert!(agent.messages().unwrap().is_empty());
    job.finish(Ok(()));
    assert_eq!(end(&client, &message).await, json!(["task.completed", {}]));
}

#[tokio::test]
async fn a_job_that_is_dropped_fails_and_a_new_agent_takes_the_next_turns() {
    let (emulator, client, jobs) = by_hand().await;
    let message = client.turn(SESSION, "Go").await;
    drop(next(&jobs).await);
    let failed = json!(["task.error", {"message": "The agent went away before its work ended"}]);
    assert_eq!(end(&client, &message).await, failed);
    emulator.turn_agent(None);
    assert!(within(jobs.next()).await.is_none());
}

#[tokio::test]
async fn it_works_on_queued_turns_when_their_place_is_free() {
    let (agent, jobs) = TurnAgent::queue();
    let options = Options {
        max_turns: 1,
        queue_turns: true,
        ..quick()
    };
    let (_emulator, client) = with_options(agent, options).await;
    client.turn(SESSION, "first").await;
    client.turn(&session_id(2), "second").await;
    let (first, _) = next(&jobs).await;
    assert_eq!(first.task["prompt"], "first");
    first.finish(Ok(()));
    let (second, _) = next(&jobs).await;
    assert_eq!(second.task["prompt"], "second");
    second.finish(Ok(()));
}

#[tokio::test]
async fn waits_take_no_time_on_a_fast_clock() {
    let agent = TurnAgent::new(|_, agent| async move {
        for _ in 0..120 {
            agent.sleep(Duration::from_secs(60)).await?;
            agent.think("a minute").await?;
        }
        Ok(())
    });
    let options = Options {
        clock: Clock::Fast,
        ..quick()
    };
    let (_emulator, client) = with_options(agent, options).await;
    let message = client.turn(SESSION, "Wait").await;
    let (frames, _) = client.frames(SESSION, &message, "").await;
    let at = |frame: &Value| frame["timestamp"].as_u64().unwrap();
    let passed = at(frames.last().unwrap()) - at(&frames[1]);
    assert_eq!(passed / 60_000, 120);
}

#[tokio::test]
async fn many_turns_at_once() {
    let agent = TurnAgent::new(|turn, agent| async move {
        let more = agent.wait_for_message().await?;
        Ok(agent.say(format!("{} {more}", turn.prompt)).await?)
    });
    let options = Options {
        max_turns: 50,
        ..quick()
    };
    let (_emulator, client) = with_options(agent, options).await;
    let runs: Vec<_> = (0..50)
        .map(|n| {
            let client = client.clone();
            tokio::spawn(async move {
                let session = session_id(n);
                let message = client.turn(&session, &format!("turn {n}")).await;
                let mut socket = client.socket(&session, &message, "").await;
                let text = format!("message {n}");
                socket.send(json!({"type": "message", "text": text})).await;
                socket.rest().await;
                let history = client.turn_history(&session).await;
                let said = &history["messages"][1]["content"];
                assert_eq!(said, &json!(format!("turn {n} message {n}")));
            })
        })
        .collect();
    for run in runs {
        run.await.unwrap();
    }
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    for (value, text) in [
        (json!({"op": "sleep", "seconds": -1}), "from 0 to 86400"),
        (json!({"op": "think"}), "text"),
        (json!({"op": "shout", "text": "x"}), "shout"),
        (
            json!({"op": "plan", "todos": "Read"}),
            "todos: needs a list",
        ),
        (
            json!({"op": "plan", "todos": [{"status": "active"}]}),
            "todos[0]: needs `content`",
        ),
        (
            json!({"op": "plan", "todos": [{"content": "a", "status": "late"}]}),
            "todos[0]",
        ),
        (json!({"op": "event", "kind": "x", "payload": 1}), "map"),
    ] {
        let error = serde_json::from_value::<TurnCall>(value).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}
