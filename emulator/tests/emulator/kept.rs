//! What the worlds hold: as data, kept over a restart, and there from the start.

use crate::support::*;
use crate::turn_support::*;
use serde_json::{Value, json};
use sessionwire_emulator::{Clock, Emulator, Options};
use std::path::{Path, PathBuf};

/// A folder of a test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("sessionwire-kept-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn state(&self) -> PathBuf {
        self.file("state.json")
    }

    /// Options that keep the state here.
    fn keeping(&self) -> Options {
        Options {
            state: Some(self.0.clone()),
            ..quick()
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn both(value: Value) -> Option<sessionwire_emulator::Scenario> {
    Some(serde_json::from_value(value).unwrap())
}

/// Tasks that keep an answer, and turns that run on.
fn playing_both() -> Option<sessionwire_emulator::Scenario> {
    both(json!({
        "tasks": [
            {"match": "ask", "steps": [{"question": "Which colour?", "save": "colour"}, {"done": "noted"}]},
            {"match": "tell", "steps": [{"done": "It was {colour}"}]},
        ],
        "turns": [
            {"match": "wait", "steps": [{"text": "So far"}, {"wait_for_stop": true}]},
            {"steps": [{"snapshot": ["out/a.md"]}, {"text": "One"}, {"text": " two"}]},
        ],
    }))
}

/// Fills an emulator; gives the id of the AGI session and of the turn that ended.
async fn filled(emulator: &Emulator, client: &Client) -> (String, String) {
    let session = client.session(json!({})).await;
    client.task(&session, "ask me").await;
    client.until_execution(&session, "waiting_for_input").await;
    let answer = json!({"message": "teal"});
    client
        .post(&format!("/sessions/{session}/message"), answer)
        .await;
    assert_eq!(client.result(&session).await, "noted");
    let gone = client.session(json!({})).await;
    let page = json!({"url": "http://127.0.0.1:9/cart"});
    client
        .post(&format!("/sessions/{gone}/navigate"), page)
        .await;
    let path = format!("/sessions/{gone}?save_snapshot_mode=memory&save_as_default=true");
    assert_eq!(client.delete(&path).await.status, 200);

    let sent = form("notes.txt", "notes.txt", "text/plain", "to be read");
    assert_eq!(client.upload(&sent).await.status, 200);
    let message = client.turn(SESSION, "Count").await;
    client.frames(SESSION, &message, "").await;
    let running = client.turn(&session_id(2), "wait").await;
    client
        .socket(&session_id(2), &running, "")
        .await
        .until("text")
        .await;
    assert_eq!(emulator.session_count(), 1);
    (session, gone)
}

/// What of it can be seen.
async fn seen(client: &Client, session: &str) -> Value {
    json!({
        "messages": client.messages(session).await,
        "history": client.turn_history(SESSION).await,
        "sessions": client.fetch("/sessions").await.json()["sessions"].as_array().map(Vec::len),
    })
}

#[tokio::test]
async fn a_state_has_all_that_its_keys_own() {
    let emulator = start(Options {
        scenario: playing_both(),
        ..quick()
    })
    .await;
    let client = Client::new(&emulator);
    let (session, gone) = filled(&emulator, &client).await;
    let before = seen(&client, &session).await;
    let state = emulator.export_state();
    emulator.close().await;

    let other = start(quick()).await;
    other.import_state(&state).unwrap();
    let client = Client::new(&other);
    assert_eq!(seen(&client, &session).await, before);
    // What a script kept is there for the next one.
    client.task(&session, "tell me").await;
    assert_eq!(client.result(&session).await, "It was teal");
    // The snapshot, by the id of its session and as the default.
    for body in [
        json!({"restore_from_session_id": gone}),
        json!({"restore_default_environment_from_user_id": "u"}),
    ] {
        let body_text = body.to_string();
        let back = client.session(body).await;
        let shot = client.get(&format!("/sessions/{back}/screenshot")).await;
        assert_eq!(shot.json()["url"], "http://127.0.0.1:9/cart", "{body_text}");
    }
    // The turn that ran has failed, for those that read its stream, too.
    let history = client.turn_history(&session_id(2)).await;
    let events = history["messages"][1]["events"].as_array().unwrap();
    let last = events.last().unwrap();
    assert_eq!(last["kind"], "task.error");
    assert!(
        last["payload"]["message"]
            .as_str()
            .unwrap()
            .contains("restarted"),
        "{last}"
    );
    let message = history["messages"][1]["id"].as_str().unwrap();
    let (frames, ended) = client.frames(&session_id(2), message, "").await;
    assert_eq!(kinds(&frames).last(), Some(&"task.error"));
    assert_eq!(ended, Ended::Closed(1000, String::new()));
    // It goes on, in the same numbers.
    let next = client.turn(SESSION, "Count").await;
    assert!(
        !before.to_string().contains(&format!("\"{next}\"")),
        "{next}"
    );
    assert_eq!(
        client.turn_history(SESSION).await["messages"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    // The upload, with its beginning.
    let uploads = serde_json::from_str::<Value>(&other.export_state()).unwrap();
    let uploads = &uploads["accounts"][client.key()]["raccoon"]["uploads"];
    assert!(
        uploads.to_string().contains("dG8gYmUgcmVhZA=="),
        "{uploads}"
    );
}

#[tokio::test]
async fn what_worlds_hold_is_kept_over_a_restart() {
    let folder = Folder::new("restart");
    let options = Options {
        scenario: playing_both(),
        clock: Clock::Fast,
        ..folder.keeping()
    };
    let emulator = start(options).await;
    let client = Client::new(&emulator);
    let (session, _) = filled(&emulator, &client).await;
    let before = seen(&client, &session).await;
    let world = emulator.world(Some("key-of-a-test")).unwrap();
    world.scenario(scenario(json!([{"steps": [{"done": "of the world"}]}])));
    world.fail(fault("models status=503")).unwrap();
    emulator.close().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.state())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "it holds keys");
    }

    let emulator = start(folder.keeping()).await;
    let client = Client::new(&emulator);
    assert_eq!(seen(&client, &session).await, before);
    client.task(&session, "tell me").await;
    assert_eq!(
        client.result(&session).await,
        "It was teal",
        "its scenario, too"
    );
    let of_world = Client::with_key(&emulator, "key-of-a-test");
    assert_eq!(of_world.get("/models").await.status, 503);
    let session = of_world.session(json!({})).await;
    of_world.task(&session, "x").await;
    assert_eq!(of_world.result(&session).await, "of the world");
    // Dropped and not closed, it is kept as well.
    drop(emulator);
    // What is asked for now counts more than what was kept.
    let options = Options {
        scenario: script(json!([{"done": "of today"}])),
        ..folder.keeping()
    };
    let emulator = start(options).await;
    let client = Client::new(&emulator);
    let new = client.session(json!({})).await;
    client.task(&new, "tell me").await;
    assert_eq!(client.result(&new).await, "of today");
    assert_eq!(
        Client::with_key(&emulator, "key-of-a-test")
            .get(&format!("/sessions/{session}"))
            .await
            .status,
        200
    );
}

/// As it is when the process is killed: nothing can be written then any more.
#[tokio::test]
async fn a_change_is_kept_as_it_comes() {
    let folder = Folder::new("change");
    let emulator = start(Options {
        control: true,
        ..folder.keeping()
    })
    .await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let copied = Folder::new("copy");
    let kept = |wanted: String| {
        let (from, to) = (folder.state(), copied.state());
        move || {
            let text = std::fs::read_to_string(&from).unwrap_or_default();
            let is_kept = text
                .contains(&wanted)
                .then(|| std::fs::write(&to, text).unwrap());
            std::future::ready(is_kept)
        }
    };
    eventually(kept(session.clone())).await;
    emulator.scenario(scenario(json!([{"steps": [{"done": "a new scenario"}]}])));
    eventually(kept("a new scenario".to_owned())).await;
    // What leaves no trace in a session.
    let world = emulator.world(Some("key-one")).unwrap();
    world.clock(Clock::Fast);
    let turns = Client::with_key(&emulator, "key-one");
    let message = turns.turn(SESSION, "Count").await;
    turns.frames(SESSION, &message, "").await;
    eventually(kept(message)).await;
    let text = || std::fs::read_to_string(folder.state()).unwrap_or_default();
    let control = Client::with_key(&emulator, emulator.control_token().unwrap());
    for (path, body) in [
        ("/clock/advance", json!({"seconds": 86_400})),
        ("/worlds", json!({"key": "key-one", "unmatched": "error"})),
    ] {
        let before = text();
        let path = format!("/_emulator/v1{path}");
        let own = [("x-emulator-key", "key-one")];
        let own = if body.get("key").is_some() {
            &[][..]
        } else {
            &own[..]
        };
        let body = body.to_string();
        let done = control.raw_with("POST", &path, own, Some(&body)).await;
        assert_eq!(done.unwrap().status, 200, "{path}");
        let changed = || std::future::ready((text() != before).then_some(()));
        eventually(changed).await;
    }
    let other = start(copied.keeping()).await;
    let client = Client::new(&other);
    assert_eq!(
        client.get(&format!("/sessions/{session}")).await.status,
        200
    );
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_stays_as_it_is() {
    let folder = Folder::new("refused");
    let refused = async |options: Options| Emulator::start(options).await.unwrap_err().to_string();
    let state =
        |worlds: &str| format!("{{\"sessionwire_emulator_state\": 1, \"worlds\": {worlds}}}");
    for (text, why) in [
        (String::new(), "EOF"),
        (
            "{\"name\": \"my-package\"}".to_owned(),
            "unknown field `name`",
        ),
        (
            state("[{\"key\": null, \"state\": {\"version\": 1, \"accounts\": {"),
            "EOF",
        ),
        (
            state("[{\"key\": null, \"state\": {\"version\": 2}}]"),
            "`version` is 2",
        ),
        (
            state("[{\"key\": \"a b\", \"state\": {\"version\": 1}}]"),
            "one of its worlds",
        ),
        (
            "{\"sessionwire_emulator_state\": 9, \"worlds\": []}".to_owned(),
            "its form is 9",
        ),
    ] {
        std::fs::write(folder.state(), &text).unwrap();
        let error = refused(folder.keeping()).await;
        assert!(
            error.contains(why) && error.contains("It stays as it is"),
            "{error}"
        );
        assert!(error.contains("state.json"), "{error}");
        assert_eq!(std::fs::read_to_string(folder.state()).unwrap(), text);
    }
    std::fs::remove_file(folder.state()).unwrap();
    let running = start(folder.keeping()).await;
    let error = refused(folder.keeping()).await;
    assert!(error.contains("which another emulator uses"), "{error}");
    running.close().await;
    drop(running);
    let in_place_of_a_folder = Options {
        state: Some(folder.state()),
        ..quick()
    };
    let error = refused(in_place_of_a_folder).await;
    assert!(
        error.contains("name a folder that can be written to"),
        "{error}"
    );
}

/// What the emulator says of its own keeping.
async fn told_of_state(emulator: &Emulator) -> Value {
    let client = Client::new(emulator).without_key();
    let health = client.raw("GET", "/_emulator/v1/health", None).await;
    health.unwrap().json()["state"].clone()
}

async fn until_kept(emulator: &Emulator, wanted: bool) -> Value {
    eventually(|| async {
        let told = told_of_state(emulator).await;
        (told["kept"] == wanted).then_some(told)
    })
    .await
}

/// A folder below that of a test, which may be taken away.
fn keeping_below(folder: &Folder) -> (PathBuf, Options) {
    let state = folder.file("state");
    let options = Options {
        state: Some(state.clone()),
        control: true,
        ..quick()
    };
    (state, options)
}

#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_is_told_and_tried_again() {
    let folder = Folder::new("full");
    let (state, options) = keeping_below(&folder);
    let emulator = start(options).await;
    let file = state.join("state.json");
    until_kept(&emulator, true).await;
    std::fs::remove_file(&file).unwrap();
    // Whatever is written to it, the system says that the disk is full.
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    let told = until_kept(&emulator, false).await;
    assert!(
        told["why"].as_str().unwrap().contains("No space left"),
        "{told}"
    );
    assert!(told["since"].as_str().unwrap().ends_with('Z'), "{told}");
    let text = told.to_string();
    assert!(
        !text.contains("sessionwire-kept"),
        "whoever asks without a token learns no path: {text}"
    );
    std::fs::remove_file(&file).unwrap();
    until_kept(&emulator, true).await;
    assert!(std::fs::read_to_string(&file).unwrap().contains(&session));
    emulator.close().await;
    assert_eq!(emulator.unkept(), None);
}

#[tokio::test]
async fn a_folder_that_was_deleted_is_made_again_unless_it_is_another_now() {
    let folder = Folder::new("deleted");
    let (state, options) = keeping_below(&folder);
    let emulator = start(options.clone()).await;
    let file = state.join("state.json");
    until_kept(&emulator, true).await;
    let client = Client::new(&emulator);
    let session = client.session(json!({})).await;
    // Without a change of what it holds.
    let is_there = || std::future::ready(file.exists().then_some(()));
    eventually(is_there).await;
    std::fs::remove_dir_all(&state).unwrap();
    eventually(is_there).await;
    assert!(std::fs::read_to_string(&file).unwrap().contains(&session));

    // A file in its place, and then somebody else's folder: neither is touched.
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::write(&state, "mine").unwrap();
    client.session(json!({})).await;
    let told = until_kept(&emulator, false).await;
    assert!(
        told["why"].as_str().unwrap().contains("no folder"),
        "{told}"
    );
    std::fs::remove_file(&state).unwrap();
    until_kept(&emulator, true).await;
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    std::fs::write(&file, "{}").unwrap();
    client.session(json!({})).await;
    let told = until_kept(&emulator, false).await;
    assert!(
        told["why"].as_str().unwrap().contains("another state.json"),
        "{told}"
    );
    emulator.close().await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}");
    let unkept = emulator.unkept().unwrap();
    let text = unkept.to_string();
    assert!(text.contains(state.to_str().unwrap()), "{text}");
    assert!(text.contains("move it away"), "{text}");
}

#[tokio::test]
async fn a_folder_that_another_emulator_uses_by_now_is_left_to_it() {
    let folder = Folder::new("taken");
    let (state, options) = keeping_below(&folder);
    let first = start(options.clone()).await;
    until_kept(&first, true).await;
    std::fs::rename(&state, folder.file("moved")).unwrap();
    std::fs::create_dir(&state).unwrap();
    let lock = std::fs::File::create(state.join("state.lock")).unwrap();
    lock.lock().unwrap();
    Client::new(&first).session(json!({})).await;
    let told = until_kept(&first, false).await;
    assert!(
        told["why"].as_str().unwrap().contains("another emulator"),
        "{told}"
    );
    drop(lock);
    until_kept(&first, true).await;
}

fn seeded(file: &Path) -> Options {
    Options {
        seed: Some(file.to_owned()),
        control: true,
        ..quick()
    }
}

#[tokio::test]
async fn a_seed_is_there_at_the_start_and_after_each_reset() {
    let folder = Folder::new("seed");
    let seed = folder.file("seed.json");
    let state = json!({
        "version": 1, "clock": "fast", "faults": ["models status=503"],
        "scenario": {"tasks": [{"steps": [{"done": "of the seed"}]}]},
        "accounts": {"a-key": {"sessions": [{"session_id": "s-1", "agent_name": "agi-0", "extras": {"goal": "x"}}]}},
    });
    std::fs::write(&seed, state.to_string()).unwrap();
    let emulator = start(seeded(&seed)).await;
    let client = Client::with_key(&emulator, "a-key");
    for _ in 0..2 {
        assert_eq!(client.get("/models").await.status, 503);
        let sessions = client.get("/sessions").await.json();
        assert_eq!(sessions.as_array().unwrap().len(), 1);
        let object = client.get("/sessions/s-1").await.json();
        assert_eq!(
            (&object["status"], &object["goal"]),
            (&json!("ready"), &json!("x"))
        );
        client.task("s-1", "go").await;
        assert_eq!(client.result("s-1").await, "of the seed");
        client.session(json!({})).await;
        emulator.reset();
    }
    assert_eq!(
        Client::with_key(&emulator, "another")
            .get("/sessions")
            .await
            .json(),
        json!([])
    );
    // The world of a key begins with what is the key's.
    let world = emulator.world(Some("a-key")).unwrap();
    client.delete("/sessions").await;
    world.reset();
    assert_eq!(client.get("/sessions/s-1").await.status, 200);

    // What the seed has cannot be there again while another world has it.
    world.close().await;
    let other = emulator.world(Some("another-key")).unwrap();
    let state = json!({"version": 1, "accounts": {"another-key": account(&["s-1"])}});
    other.import_state(&state.to_string()).unwrap();
    let control = Client::with_key(&emulator, emulator.control_token().unwrap());
    let reset = control.raw("POST", "/_emulator/v1/reset", None).await;
    let refused = reset.unwrap();
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.text.contains("`s-1`"), "{}", refused.text);

    // What was kept counts more.
    let keeping = || Options {
        state: Some(folder.0.clone()),
        ..seeded(&seed)
    };
    let first = start(keeping()).await;
    Client::with_key(&first, "a-key").delete("/sessions").await;
    first.close().await;
    drop(first);
    let second = start(keeping()).await;
    assert_eq!(
        Client::with_key(&second, "a-key")
            .get("/sessions")
            .await
            .json(),
        json!([])
    );
}

#[tokio::test]
async fn a_seed_that_cannot_be_used_is_refused() {
    let folder = Folder::new("bad-seed");
    let file = folder.file("seed.json");
    for (text, why) in [
        (None, "No such file"),
        (Some("{}"), "missing field `version`"),
        (
            Some("{\"version\": 1, \"account\": {}}"),
            "unknown field `account`",
        ),
        (
            Some(
                "{\"version\": 1, \"accounts\": {\"k\": {\"sessions\": [{\"session_id\": \"s\"}]}}}",
            ),
            "missing field `agent_name`",
        ),
        (
            Some("{\"version\": 1, \"faults\": [\"list cut_after=1\"]}"),
            "act on a stream",
        ),
    ] {
        match text {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => assert!(!file.exists()),
        }
        let error = Emulator::start(seeded(&file))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("seed.json`, which cannot be used") && error.contains(why),
            "{error}"
        );
    }
}

fn account(sessions: &[&str]) -> Value {
    let sessions = sessions
        .iter()
        .map(|id| json!({"session_id": id, "agent_name": "agi-0"}));
    json!({"sessions": sessions.collect::<Vec<_>>()})
}

/// A Raccoon session with a turn of each of these numbers.
fn turns(session: &str, numbers: &[u64]) -> Value {
    let turns = numbers.iter().map(|number| {
        json!({
            "request": {"session_id": session, "prompt": "x", "mode": "m", "files": [], "references": [], "history": [], "extra": {}},
            "user_message_id": format!("user-{number}"), "agent_message_id": format!("agent-{number}"),
            "begun_at": 1, "outcome": "completed", "content": "", "text": "", "log": [],
        })
    });
    json!({
        "number": 1, "session_id": session, "title": "t", "created_at": 1, "updated_at": 1, "now": 1,
        "turns": turns.collect::<Vec<_>>(),
    })
}

/// How a world was made outlives a restart, and so its reset does the same.
#[tokio::test]
async fn a_world_is_set_back_to_how_it_was_made_after_a_restart_too() {
    let folder = Folder::new("made");
    let options = || Options {
        control: true,
        ..folder.keeping()
    };
    let first = start(options()).await;
    let call = async |emulator: &Emulator, method: &str, path: &str, body: Option<&str>| {
        let client = Client::with_key(emulator, emulator.control_token().unwrap());
        let key = [("x-emulator-key", "key-one")];
        let key = if path == "/worlds" { &[][..] } else { &key[..] };
        let path = format!("/_emulator/v1{path}");
        let answer = client.raw_with(method, &path, key, body).await.unwrap();
        assert!(answer.status < 300, "{path}: {}", answer.text);
        answer.text
    };
    let made = json!({
        "key": "key-one", "clock": "fast", "faults": ["models status=503"], "unmatched": "error",
        "scenario": {"tasks": [{"steps": [{"done": "as it was made"}]}]},
    });
    call(&first, "POST", "/worlds", Some(&made.to_string())).await;
    let seen = async |emulator: &Emulator| {
        let mut seen = Vec::new();
        for path in ["/scenario", "/faults", "/clock", "/world"] {
            seen.push(call(emulator, "GET", path, None).await);
        }
        // The addresses are those of each emulator.
        let world: Value = serde_json::from_str(&seen.pop().unwrap()).unwrap();
        (seen, world["unmatched"].clone())
    };
    let before = seen(&first).await;
    call(&first, "DELETE", "/scenario", None).await;
    call(&first, "DELETE", "/faults", None).await;
    call(&first, "PUT", "/clock", Some(r#"{"clock": "real"}"#)).await;
    first.close().await;
    drop(first);
    let second = start(options()).await;
    assert_ne!(seen(&second).await, before);
    call(&second, "POST", "/reset", None).await;
    assert_eq!(seen(&second).await, before);
}

/// An id that is there twice, or belongs to another world, would be one session in two places.
#[tokio::test]
async fn a_state_with_an_id_that_is_taken_changes_nothing() {
    let emulator = start(quick()).await;
    let one = emulator.world(Some("key-one")).unwrap();
    let of_one = Client::with_key(&emulator, "key-one");
    let theirs = of_one.session(json!({})).await;
    let client = Client::with_key(&emulator, "somebody");
    let mine = client.session(json!({})).await;
    let other = session_id(7);
    let raccoon = |sessions: Value| json!({"user_id": "u_9", "counter": 9, "sessions": sessions});
    let entry = |id: u64| json!({"id": id, "at": 1, "kind": "log", "asked_as": "log", "frame": "{}", "content": [0, 2], "hidden": false, "closes": false, "metadata": null});
    for (accounts, says) in [
        // The other world's account.
        (
            json!({"key-one": account(&["s-1"])}),
            ["has a world of its own", "accounts["],
        ),
        // A session of the other world under another key.
        (
            json!({"k": account(&["s-1", &theirs])}),
            [theirs.as_str(), "sessions[1]"],
        ),
        (
            json!({"k": account(&["s-1", "s-2", "s-1"])}),
            ["`s-1`", "sessions[2]"],
        ),
        (
            json!({"k": account(&["s-1"]), "l": account(&["s-1"])}),
            ["number 2 of 2, by name)].sessions[0]", "`s-1`"],
        ),
        (
            json!({"k": {"raccoon": raccoon(json!([turns(&other, &[]), turns(&other, &[])]))}}),
            [other.as_str(), "raccoon.sessions[1]"],
        ),
        (
            json!({"k": {"raccoon": raccoon(json!([turns(&other, &[1, 1])]))}}),
            ["`user-1`", "turns[1]"],
        ),
        (
            json!({"k": {"sessions": [{"session_id": "s-1", "agent_name": "agi-0", "log": [entry(3), entry(3)]}]}}),
            ["log[1].id is 3", "s-1"],
        ),
        (json!({"k": account(&[""])}), ["is empty", "sessions[0]"]),
    ] {
        let state = json!({"version": 1, "accounts": accounts});
        let error = emulator
            .import_state(&state.to_string())
            .unwrap_err()
            .to_string();
        for part in says {
            assert!(error.contains(part), "{accounts}: {error}");
        }
        assert!(!error.contains("key-one"), "no key is told: {error}");
        assert_eq!(client.get(&format!("/sessions/{mine}")).await.status, 200);
        assert_eq!(of_one.get(&format!("/sessions/{theirs}")).await.status, 200);
        assert_eq!([one.session_count(), emulator.session_count()], [1, 2]);
    }
    // Two accounts that become one: Raccoon's ids are its clients', and may be the same for two keys.
    let state = json!({"version": 1, "accounts": {
        "k": {"raccoon": raccoon(json!([turns(&other, &[])]))}, "l": {"raccoon": raccoon(json!([turns(&other, &[])]))}}});
    emulator.import_state(&state.to_string()).unwrap();
    let error = one
        .import_state(&state.to_string())
        .unwrap_err()
        .to_string();
    assert!(error.contains(&other), "{error}");
    // What the world holds itself may come again.
    let own = one.export_state();
    one.import_state(&own).unwrap();
    assert_eq!(of_one.get(&format!("/sessions/{theirs}")).await.status, 200);
}
