//! An agent of one's own, over the wire.

use crate::support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{
    Agent, AgentCall, AgentJobs, Clock, Emulator, JobHandle, Options, TaskOver,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

async fn with(agent: Agent) -> (Emulator, Client, String) {
    with_options(agent, quick()).await
}

async fn with_options(agent: Agent, options: Options) -> (Emulator, Client, String) {
    let emulator = start(Options {
        agent: Some(agent),
        ..options
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    (emulator, client, session)
}

/// An emulator whose tasks come by hand.
async fn by_hand() -> (Emulator, Client, String, AgentJobs) {
    let (agent, jobs) = Agent::queue();
    let (emulator, client, session) = with(agent).await;
    (emulator, client, session, jobs)
}

fn call(value: Value) -> AgentCall {
    serde_json::from_value(value).unwrap()
}

async fn types(client: &Client, session: &str) -> Vec<(String, Value)> {
    let messages = client.messages(session).await;
    let pair = |m: &Value| (m["type"].as_str().unwrap().to_owned(), m["content"].clone());
    messages.iter().map(pair).collect()
}

#[tokio::test]
async fn what_it_does_goes_over_the_wire() {
    let agent = Agent::new(|task, agent| async move {
        agent
            .think(format!("{} for {}", task.text, task.agent_name))
            .await?;
        agent
            .step_at(
                "Open",
                task.start_url.clone(),
                Some(task.extra["goal"].to_string()),
            )
            .await?;
        agent.log("a note").await?;
        let colour = agent.ask("Which colour?").await?;
        agent
            .done(json!({"summary": format!("A {colour} mug"), "session": task.session_id}))
            .await?;
        assert_eq!(agent.over(), Some(TaskOver::Ended));
        assert_eq!(agent.think("too late").await, Err(TaskOver::Ended));
        Ok(())
    });
    let (emulator, client, _) = with(agent).await;
    let session = client
        .session(json!({"agent_name": "agi-0-fast", "goal": "g"}))
        .await;
    let body = json!({"message": "Buy", "start_url": "http://shop.example/"});
    client
        .post(&format!("/sessions/{session}/message"), body)
        .await;
    let mut stream = client.stream(&session, "").await;
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        if event.name == "question" {
            assert_eq!(client.statuses(&session).await.1, "waiting_for_input");
            client.task(&session, "blue").await;
        }
        events.push((event.name, event.data));
    }
    assert_eq!(
        json!(events),
        json!([
            ["thought", {"text": "Buy for agi-0-fast", "message_id": 2}],
            ["step", {"text": "Open", "url": "http://shop.example/", "action": "\"g\"", "message_id": 3}],
            ["log", {"text": "a note", "message_id": 4}],
            ["question", {"text": "Which colour?", "message_id": 5}],
            ["done", {"text": "A blue mug", "result": {"summary": "A blue mug", "session": session}, "message_id": 7}],
        ])
    );
    let page = client
        .get(&format!("/sessions/{session}/screenshot"))
        .await
        .json();
    assert_eq!(page["url"], "http://shop.example/");
    assert_eq!(
        client.statuses(&session).await,
        ("completed".into(), "finished".into())
    );
    emulator.close().await;
}

#[tokio::test]
async fn a_scenario_that_matches_comes_first_and_without_one_the_built_in_agent_is_last() {
    let agent = Agent::new(|_, agent| async move { Ok(agent.done("by the function").await?) });
    let (emulator, client, session) = with(agent).await;
    emulator.scenario(scenario(
        json!([{"match": "script", "steps": [{"done": "by the script"}]}]),
    ));
    client.task(&session, "for the script").await;
    assert_eq!(client.result(&session).await, "by the script");
    client.task(&session, "for the agent").await;
    assert_eq!(client.result(&session).await, "by the function");
    emulator.agent(None);
    client.task(&session, "for nobody").await;
    let result = client.result(&session).await;
    assert!(result["summary"].is_string(), "{result}");
}

#[tokio::test]
async fn an_error_a_panic_and_a_plain_return_end_the_task() {
    let agent = Agent::new(|task, agent| async move {
        match task.text.as_str() {
            "error" => Err("no such mug".into()),
            "panic" => panic!("the mug {}", "broke"),
            "late" => {
                agent.done("fine").await?;
                Err("after the end".into())
            }
            _ => Ok(()),
        }
    });
    let (_emulator, client, session) = with(agent).await;
    for (task, status, kind, content) in [
        ("error", "error", "ERROR", "no such mug"),
        (
            "panic",
            "error",
            "ERROR",
            "The agent panicked: the mug broke",
        ),
        ("late", "finished", "DONE", "fine"),
        ("return", "finished", "DONE", "Task completed"),
    ] {
        client.task(&session, task).await;
        client.until_execution(&session, status).await;
        let last = types(&client, &session).await.pop().unwrap();
        assert_eq!(last, (kind.to_owned(), content.into()), "{task}");
    }
}

#[tokio::test]
async fn a_failure_has_its_status_code() {
    let agent = Agent::new(|_, agent| async move { Ok(agent.fail_with("sold out", 410).await?) });
    let (_emulator, client, session) = with(agent).await;
    client.task(&session, "Buy").await;
    let last = client.stream(&session, "").await.all().await.pop().unwrap();
    assert_eq!(last.name, "error");
    assert_eq!(
        (&last.data["error"], &last.data["status_code"]),
        (&json!("sold out"), &json!(410))
    );
}

#[tokio::test]
async fn a_future_is_dropped_when_its_task_is_taken_away() {
    for way in ["cancel", "delete", "close"] {
        let dropped = Arc::new(Mutex::new(None));
        let (sender, gone) = oneshot::channel::<()>();
        *dropped.lock().unwrap() = Some(sender);
        let agent = Agent::new(move |_, agent| {
            let guard = dropped.lock().unwrap().take();
            async move {
                let _guard = guard;
                agent.ask("Shall I?").await?;
                Ok(())
            }
        });
        let (emulator, client, session) = with(agent).await;
        client.task(&session, "Go").await;
        client.until_execution(&session, "waiting_for_input").await;
        match way {
            "cancel" => drop(client.command(&format!("/sessions/{session}/cancel")).await),
            "delete" => drop(client.delete(&format!("/sessions/{session}")).await),
            _ => emulator.close().await,
        }
        assert!(within(gone).await.is_err(), "{way}: the sender was dropped");
    }
}

#[tokio::test]
async fn a_call_says_why_the_task_is_over() {
    for (way, over) in [
        ("cancel", TaskOver::Cancelled),
        ("delete", TaskOver::Deleted),
        ("close", TaskOver::Closed),
    ] {
        let (emulator, client, session, jobs) = by_hand().await;
        client.task(&session, "Go").await;
        let AgentJobAndHandle { job, handle } = AgentJobAndHandle::next(&jobs).await;
        assert_eq!(job.handle.over(), None);
        let asking = tokio::spawn({
            let handle = handle.clone();
            async move {
                handle
                    .execute(call(json!({"op": "ask", "question": "Shall I?"})))
                    .await
            }
        });
        client.until_execution(&session, "waiting_for_input").await;
        match way {
            "cancel" => drop(client.command(&format!("/sessions/{session}/cancel")).await),
            "delete" => drop(client.delete(&format!("/sessions/{session}")).await),
            _ => emulator.close().await,
        }
        assert_eq!(within(asking).await.unwrap(), Err(over), "{way}");
        assert_eq!(within(job.handle.wait_until_over()).await, over);
        assert_eq!(handle.think("?").await, Err(over));
        assert_eq!(handle.messages(), Err(over));
        job.finish(Ok(()));
        if way == "cancel" {
            let last = types(&client, &session).await.pop().unwrap();
            assert_eq!(last.0, "LOG", "nothing came after the cancel");
            client.task(&session, "Again").await;
            let job = within(jobs.next()).await.unwrap();
            assert_eq!(job.task["text"], "Again");
        }
    }
}

#[tokio::test]
async fn the_queue_ends_with_its_emulator_and_with_another_agent() {
    let (emulator, _, _, jobs) = by_hand().await;
    emulator.close().await;
    assert!(within(jobs.next()).await.is_none());
    let (emulator, _, _, jobs) = by_hand().await;
    drop(emulator);
    assert!(within(jobs.next()).await.is_none());
    let (emulator, _, _, jobs) = by_hand().await;
    emulator.agent(None);
    assert!(within(jobs.next()).await.is_none());
}

#[tokio::test]
async fn a_job_that_nobody_finishes_fails_its_task() {
    let (_emulator, client, session, jobs) = by_hand().await;
    client.task(&session, "Go").await;
    drop(within(jobs.next()).await.unwrap());
    client.until_execution(&session, "error").await;
    drop(jobs);
    client.task(&session, "Again").await;
    client.until_execution(&session, "error").await;
    let last = types(&client, &session).await.pop().unwrap();
    assert_eq!(last.1, "The agent went away before its work ended");
}

#[tokio::test]
async fn calls_wait_while_the_session_is_paused_and_keep_their_order() {
    let (_emulator, client, session, jobs) = by_hand().await;
    client.task(&session, "Go").await;
    let AgentJobAndHandle { job: _job, handle } = AgentJobAndHandle::next(&jobs).await;
    client.command(&format!("/sessions/{session}/pause")).await;
    let calls: Vec<_> = (0..20)
        .map(|n| {
            let handle = handle.clone();
            tokio::spawn(async move { handle.think(n.to_string()).await })
        })
        .collect();
    // This runtime has one thread: after the yield all of them stand in line, in their order.
    tokio::task::yield_now().await;
    assert!(calls.iter().all(|call| !call.is_finished()), "paused");
    client.command(&format!("/sessions/{session}/resume")).await;
    for call in calls {
        within(call).await.unwrap().unwrap();
    }
    let texts: Vec<_> = types(&client, &session).await.split_off(1);
    let expected: Vec<_> = (0..20)
        .map(|n| ("THOUGHT".to_owned(), json!(n.to_string())))
        .collect();
    assert_eq!(texts, expected);
}

#[tokio::test]
async fn it_pauses_the_session_itself() {
    let agent = Agent::new(|_, agent| async move {
        agent.pause().await?;
        Ok(agent.done("resumed").await?)
    });
    let (_emulator, client, session) = with(agent).await;
    client.task(&session, "Go").await;
    eventually(|| async { (client.statuses(&session).await.0 == "paused").then_some(()) }).await;
    client.command(&format!("/sessions/{session}/resume")).await;
    assert_eq!(client.result(&session).await, "resumed");
}

#[tokio::test]
async fn messages_and_answers_are_told_apart() {
    let (_emulator, client, session, jobs) = by_hand().await;
    client.task(&session, "Go").await;
    let AgentJobAndHandle { job, handle } = AgentJobAndHandle::next(&jobs).await;
    client.task(&session, "one").await;
    client.task(&session, "two").await;
    assert_eq!(handle.messages().unwrap(), ["one", "two"]);
    assert!(handle.messages().unwrap().is_empty());
    let ask = |question: &'static str| {
        let handle = handle.clone();
        tokio::spawn(async move { handle.ask(question).await })
    };
    // Two at once are asked one after the other.
    let (first, second) = (ask("First?"), ask("Second?"));
    client.until_execution(&session, "waiting_for_input").await;
    client.task(&session, "an answer").await;
    let mut asked = within(first).await.unwrap().unwrap();
    client.until_execution(&session, "waiting_for_input").await;
    client.task(&session, "another").await;
    asked += &within(second).await.unwrap().unwrap();
    assert_eq!(asked, "an answeranother");
    client.task(&session, "three").await;
    assert_eq!(within(handle.wait_for_message()).await.unwrap(), "three");
    job.finish(Ok(()));
    assert_eq!(client.result(&session).await, "Task completed");
}

struct AgentJobAndHandle {
    job: sessionwire_emulator::AgentJob,
    handle: sessionwire_emulator::AgentHandle,
}

impl AgentJobAndHandle {
    async fn next(jobs: &AgentJobs) -> Self {
        let job = within(jobs.next()).await.unwrap();
        let JobHandle::Task(handle) = job.handle.clone() else {
            panic!("a turn among tasks");
        };
        Self { job, handle }
    }
}

#[tokio::test]
async fn a_question_that_is_given_up_is_no_longer_open() {
    let (_emulator, client, session, jobs) = by_hand().await;
    client.task(&session, "Go").await;
    let AgentJobAndHandle { job, handle } = AgentJobAndHandle::next(&jobs).await;
    let asking = tokio::spawn({
        let handle = handle.clone();
        async move { handle.ask("Shall I?").await }
    });
    client.until_execution(&session, "waiting_for_input").await;
    asking.abort();
    client.until_execution(&session, "running").await;
    client.task(&session, "yes").await;
    assert_eq!(handle.messages().unwrap(), ["yes"], "no answer any more");
    job.finish(Ok(()));
}

#[tokio::test]
async fn waits_take_no_time_on_a_fast_clock() {
    let agent = Agent::new(|_, agent| async move {
        for _ in 0..120 {
            agent.sleep(Duration::from_secs(60)).await?;
            agent.think("a minute").await?;
        }
        Ok(())
    });
    let (_emulator, client, session) = with_options(
        agent,
        Options {
            clock: Clock::Fast,
            ..quick()
        },
    )
    .await;
    client.task(&session, "Wait").await;
    client.until_execution(&session, "finished").await;
    let messages = client.messages(&session).await;
    let at = |n: usize| messages[n]["timestamp"].as_str().unwrap()[11..16].to_owned();
    let minutes = |text: String| -> i32 {
        let (hours, minutes) = text.split_once(':').unwrap();
        hours.parse::<i32>().unwrap() * 60 + minutes.parse::<i32>().unwrap()
    };
    let passed = minutes(at(messages.len() - 1)) - minutes(at(0));
    assert_eq!(passed.rem_euclid(24 * 60), 120);
}

#[tokio::test]
async fn it_opens_pages() {
    let (emulator, client, session, jobs) = by_hand().await;
    client.task(&session, "Look").await;
    let AgentJobAndHandle { job, handle } = AgentJobAndHandle::next(&jobs).await;
    // The emulator's own pages are pages too.
    let page = handle.navigate(emulator.live_url()).await.unwrap();
    assert_eq!(
        (page.url.as_str(), page.problem),
        (emulator.live_url(), None)
    );
    assert!(!page.title.is_empty());
    let shown = client.get(&format!("/sessions/{session}/screenshot")).await;
    assert_eq!(shown.json()["url"], page.url);
    let closed = emulator.url().replace("127.0.0.1", "127.0.0.2");
    let page = handle
        .execute(call(json!({"op": "navigate", "url": closed})))
        .await;
    assert!(page.unwrap()["problem"].is_string());
    let last = types(&client, &session).await.pop().unwrap();
    assert!(last.1.as_str().unwrap().starts_with("Opened "), "{last:?}");
    job.finish(Ok(()));
}

#[tokio::test]
async fn a_session_that_initializes_waits_with_its_task() {
    let (agent, jobs) = Agent::queue();
    let options = Options {
        init_delay: 0.05,
        ..quick()
    };
    let (_emulator, client, session) = with_options(agent, options).await;
    client.task(&session, "Go").await;
    let _job = within(jobs.next()).await.unwrap();
    assert_eq!(client.statuses(&session).await.0, "running");
}

#[tokio::test]
async fn many_sessions_at_once() {
    let agent = Agent::new(|task, agent| async move {
        agent.think("at work").await?;
        let answer = agent.ask("And?").await?;
        Ok(agent.done(format!("{} {answer}", task.text)).await?)
    });
    let (emulator, client, _) = with(agent).await;
    let runs: Vec<_> = (0..50)
        .map(|n| {
            let client = client.clone();
            tokio::spawn(async move {
                let session = client.session(json!({})).await;
                client.task(&session, &format!("task {n}")).await;
                client.until_execution(&session, "waiting_for_input").await;
                client.task(&session, &format!("answer {n}")).await;
                assert_eq!(
                    client.result(&session).await,
                    format!("task {n} answer {n}")
                );
            })
        })
        .collect();
    for run in runs {
        run.await.unwrap();
    }
    emulator.close().await;
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    for (value, text) in [
        (
            json!({"op": "navigate", "url": "shop"}),
            "not an http or https address",
        ),
        (json!({"op": "sleep", "seconds": -1}), "from 0 to 86400"),
        (json!({"op": "think"}), "text"),
        (json!({"op": "shout", "text": "x"}), "shout"),
    ] {
        let error = serde_json::from_value::<AgentCall>(value).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}
